"""The words of the verdict codes, Vietnamese and English; read by people, never by a rule."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """One sentence in each language."""

    vi: str
    en: str


WORDS_BY_NAME: dict[str, Words] = {
    "MATCH_MANUAL": Words(
        "Người phụ trách đã xác nhận là cùng một người", "A steward stated: the same person"
    ),
    "MATCH_CCCD": Words(
        "Trùng số căn cước, không có mâu thuẫn", "Same personal ID number, nothing contradicts it"
    ),
    "MATCH_BHXH": Words(
        "Trùng mã số BHXH, họ tên và ngày sinh phù hợp",
        "Same social insurance number, name and birth date fit",
    ),
    "MATCH_SCORE": Words(
        "Đủ điểm so khớp, có một số giấy tờ trùng hoặc gần trùng",
        "Score high enough, with a document number that agrees or nearly agrees",
    ),
    "REVIEW_CCCD_CONTRADICTED": Words(
        "Trùng số căn cước nhưng họ tên, hoặc cả năm sinh và giới tính, khác nhau",
        "Same personal ID number, but the name, or birth and sex together, differ",
    ),
    "REVIEW_BHXH_CONTRADICTED": Words(
        "Trùng mã số BHXH nhưng họ tên hoặc ngày sinh khác nhau",
        "Same social insurance number, but name or birth date differ",
    ),
    "REVIEW_NUMBERS_CONFLICT": Words(
        "Một số giấy tờ trùng nhau, số khác lại khác nhau",
        "One document number agrees, another differs",
    ),
    "REVIEW_CCCD_ODD": Words(
        "Trùng số căn cước nhưng số có dấu hiệu bất thường",
        "Same personal ID number, but the number itself looks odd",
    ),
    "REVIEW_CCCD_ALONE": Words(
        "Chỉ có số căn cước trùng, chưa định danh ở mức đủ tin cậy",
        "Only the personal ID number agrees, and it was not proofed",
    ),
    "REVIEW_CCCD_DIFFERS": Words(
        "Thông tin gần như trùng nhưng số căn cước khác nhau",
        "Nearly everything agrees, but the personal ID numbers differ",
    ),
    "REVIEW_NAME_AND_BIRTH_ONLY": Words(
        "Chỉ trùng họ tên và ngày sinh: không tự động liên kết",
        "Only name and birth agree: never linked automatically",
    ),
    "REVIEW_SCORE": Words("Điểm so khớp cần người xem xét", "Score in the band a person looks at"),
    "NO_MATCH_MANUAL": Words(
        "Người phụ trách đã xác nhận không phải cùng một người",
        "A steward stated: not the same person",
    ),
    "NO_MATCH_SCORE": Words("Điểm so khớp thấp", "Score too low"),
    "NO_MATCH_NOTHING_TO_COMPARE": Words(
        "Không có thông tin chung để so sánh", "Nothing that both registrations hold"
    ),
    "PERMIT_STATED": Words("Người bệnh đã đồng ý", "The person's stated consent permits it"),
    "PERMIT_POLICY": Words("Chính sách chung cho phép", "The general policy permits it"),
    "PERMIT_BREAK_GLASS": Words(
        "Truy cập khẩn cấp có lý do, được ghi lại", "Emergency access with a reason, recorded"
    ),
    "BREAK_GLASS_FORBIDDEN": Words(
        "Truy cập khẩn cấp không được phép", "Emergency access is excluded here"
    ),
    "BREAK_GLASS_NEEDS_REASON": Words(
        "Truy cập khẩn cấp phải ghi lý do", "Emergency access needs a stated reason"
    ),
    "DENY_STATED": Words("Người bệnh không đồng ý", "The person's stated consent forbids it"),
    "CONSENT_WITHDRAWN": Words("Người bệnh đã rút lại đồng ý", "The person withdrew the consent"),
    "CODE_NOT_OBTAINED": Words(
        "Chưa có mã xác nhận một lần của người bệnh",
        "The person's one-time code was asked for and not obtained",
    ),
    "CONSENT_EXPIRED": Words("Sự đồng ý đã hết hạn", "The consent has run out"),
    "SENSITIVE_NEEDS_PERMIT": Words(
        "Dữ liệu nhạy cảm cần sự đồng ý riêng", "Sensitive data need a consent of their own"
    ),
    "PURPOSE_NOT_COVERED": Words(
        "Mục đích không thuộc phạm vi chính sách chung",
        "The general policy does not cover this purpose",
    ),
    "DENY_POLICY": Words(
        "Chính sách chung không cho phép nếu chưa có đồng ý",
        "The general policy denies without a consent",
    ),
    "VALID": Words("Kết quả còn giá trị sử dụng", "The result is still valid"),
    "RESULT_CANCELLED": Words(
        "Kết quả đã hủy hoặc nhập nhầm", "The result was cancelled or entered in error"
    ),
    "RESULT_NOT_FINAL": Words("Kết quả chưa hoàn tất", "The result is not final"),
    "SPECIMEN_TIME_UNKNOWN": Words(
        "Không rõ thời điểm lấy mẫu hoặc chụp", "Sampling or acquisition time is unknown"
    ),
    "SPECIMEN_AFTER_ORDER": Words(
        "Mẫu được lấy sau khi chỉ định", "The specimen is later than the order"
    ),
    "VALIDITY_EXPIRED": Words(
        "Kết quả đã quá thời hạn sử dụng lại", "Older than the validity window"
    ),
    "NEVER_REUSE": Words(
        "Xét nghiệm thuộc danh mục không được dùng lại", "On the list of tests never reused"
    ),
    "VALUE_ABSENT": Words("Kết quả không có giá trị", "The result holds no value"),
    "UNIT_NOT_COMPARABLE": Words("Đơn vị đo không quy đổi được", "The units cannot be converted"),
    "METHOD_NOT_COMPARABLE": Words(
        "Phương pháp khác nhau hoặc không rõ, xét nghiệm phụ thuộc phương pháp",
        "Method-dependent test, and the method differs or is not stated",
    ),
    "INTERVENING_EVENT": Words(
        "Đã có can thiệp hoặc diễn biến mới sau kết quả",
        "Something happened to the person since",
    ),
    "PRIOR_CRITICAL": Words(
        "Kết quả ở mức nguy hiểm: cần làm lại", "A critical value: to be tested again"
    ),
    "NEWER_CRITICAL": Words("Có kết quả mới hơn ở mức nguy hiểm", "A newer result is critical"),
    "PRIOR_ABNORMAL": Words(
        "Kết quả bất thường và đã qua nửa khoảng lặp lại",
        "Abnormal, and past half of the retest interval",
    ),
    "RECOGNISED": Words("Kết quả được công nhận", "Recognised under the rule in force"),
    "RECOGNISED_OWN": Words("Kết quả của chính cơ sở", "The facility's own result"),
    "NO_RULE_IN_FORCE": Words(
        "Chưa có quy định công nhận kết quả", "No recognition rule is in force"
    ),
    "KIND_NOT_COVERED": Words(
        "Quy định không áp dụng cho chẩn đoán hình ảnh và thăm dò chức năng",
        "The rule does not cover imaging and function tests",
    ),
    "NOT_ON_LIST": Words(
        "Dịch vụ không có trong danh mục công nhận", "Not on the list of recognised services"
    ),
    "LAB_NOT_RECOGNISED": Words(
        "Phòng xét nghiệm chưa được xếp mức và chưa có ISO 15189",
        "The laboratory is neither rated nor accredited to ISO 15189",
    ),
    "GRADE_NOT_IN_FORCE": Words(
        "Mức chất lượng chưa hoặc không còn hiệu lực vào ngày lấy mẫu",
        "The laboratory's level was not in force on the sampling day",
    ),
    "LAB_LEVEL_TOO_LOW": Words(
        "Mức chất lượng thấp hơn phòng xét nghiệm nơi chỉ định",
        "Rated below the requesting facility's laboratory",
    ),
    "QC_FAILED": Words("Nội kiểm hoặc ngoại kiểm không đạt", "Quality control was not passed"),
    "REPORT_NOT_SIGNED": Words("Bản kết quả chưa ký", "The report is not signed"),
    "IMAGES_INCOMPLETE": Words("Bộ hình ảnh không đầy đủ", "The images are not complete"),
    "NOT_TRACEABLE": Words(
        "Thiếu định danh người bệnh, thời điểm lấy mẫu hoặc người thực hiện",
        "Identification, sampling time or performer is missing",
    ),
    "REUSE": Words(
        "Trùng chỉ định; kết quả trước dùng lại được",
        "A duplicate order; the earlier result may stand in",
    ),
    "REUSABLE": Words(
        "Không trùng chỉ định, nhưng kết quả trước còn dùng được",
        "Not a duplicate, yet an earlier result may still be used",
    ),
    "PARTLY_COVERED": Words(
        "Kết quả trước chỉ đủ cho một phần chỉ định", "Earlier results cover part of the order"
    ),
    "CRITICAL_INFO": Words(
        "Lưu ý: kết quả trước ở mức nguy hiểm", "Note: an earlier result is critical"
    ),
    "DUPLICATE_INFO": Words(
        "Trùng chỉ định, nhưng kết quả trước không dùng lại được",
        "A duplicate order, but the earlier result may not stand in",
    ),
    "RELATED_PRIOR": Words("Có kết quả cũ để tham khảo", "An older result exists, for information"),
    "NO_PRIOR": Words("Không có kết quả trước", "No earlier result"),
    "EMERGENCY_OVERRIDE": Words(
        "Cấp cứu: không nhắc trùng chỉ định", "Emergency: no advice on repeats"
    ),
    "SERIAL_ORDER": Words(
        "Chỉ định theo dõi nhiều lần: không nhắc", "Serial monitoring: no advice on repeats"
    ),
    "CONFIRMATORY_ORDER": Words(
        "Chỉ định khẳng định lại: không nhắc", "A confirming order: no advice on repeats"
    ),
    "ASK": Words("Hỏi cơ sở này", "Ask this facility"),
    "OWN_RECORD": Words(
        "Cùng hệ thống hồ sơ: xem tại chỗ", "Same record system: look it up locally"
    ),
    "REQUESTER_NOT_CONNECTED": Words(
        "Cơ sở yêu cầu chưa kết nối", "The requesting facility is not connected"
    ),
    "SOURCE_ON_PAPER": Words(
        "Kết quả có trước khi cơ sở dùng bệnh án điện tử",
        "The result dates from before the source's electronic record",
    ),
    "SOURCE_NOT_CONNECTED": Words("Cơ sở có kết quả chưa kết nối", "The source does not publish"),
    "BEFORE_BACKLOAD": Words(
        "Kết quả có trước ngày kết nối và không được nạp bù",
        "From before the connection, and not loaded afterwards",
    ),
    "NOT_YET_PUBLISHED": Words("Kết quả chưa được gửi lên", "Not published yet"),
    "COORDINATOR_DOWN": Words("Hệ thống điều phối ngừng", "The coordination service is down"),
    "REQUESTER_LINK_DOWN": Words(
        "Đường truyền của cơ sở yêu cầu bị đứt", "The requesting facility's link is down"
    ),
    "SOURCE_LINK_DOWN": Words(
        "Đường truyền của cơ sở có kết quả bị đứt", "The source's link is down"
    ),
    "NO_ANSWER_IN_TIME": Words("Không trả lời kịp hạn", "No answer before the deadline"),
    "REQUESTER_CODE_NOT_MAPPED": Words(
        "Mã dịch vụ của cơ sở yêu cầu chưa ánh xạ", "The requester's code is not mapped"
    ),
    "SOURCE_CODE_NOT_MAPPED": Words(
        "Mã dịch vụ của cơ sở có kết quả chưa ánh xạ", "The source's code is not mapped"
    ),
    "NOT_SEEN": Words("Thầy thuốc không mở xem", "The clinician did not look"),
    "NOT_ACCEPTED": Words("Thầy thuốc không dùng", "The clinician did not accept it"),
}
