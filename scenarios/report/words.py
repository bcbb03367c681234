"""The words of reports, English and Vietnamese, for the names of model.md sections 6 and 8."""

from __future__ import annotations

from typing import Final, NamedTuple


class Term(NamedTuple):
    """One name of the model in words: English, Vietnamese and what it means."""

    en: str
    vi: str
    meaning: str


GATES: Final[dict[str, Term]] = {
    "requester_connected": Term(
        "Asking facility connected",
        "Cơ sở hỏi đã kết nối",
        "the facility that wants the test could query the network on that day",
    ),
    "source_electronic": Term(
        "Earlier result electronic",
        "Kết quả cũ ở dạng điện tử",
        "the specimen was taken on or after the earlier facility's EMR date",
    ),
    "source_connected": Term(
        "Earlier facility connected",
        "Cơ sở nguồn đã kết nối",
        "the facility that holds the result was publishing",
    ),
    "published": Term(
        "Published in time",
        "Kết quả đã được đẩy lên",
        "the result had reached the network before the new order",
    ),
    "linked": Term(
        "Same person recognised",
        "Nhận ra đúng người bệnh",
        "the identity rule matched the two registrations",
    ),
    "consented": Term(
        "Consent permits",
        "Người bệnh đồng ý",
        "consent allowed the look-up and a one-time code was obtained where demanded",
    ),
    "answered": Term(
        "Answered in time",
        "Hệ thống trả lời kịp thời",
        "coordinator and both links were up and answered before the deadline",
    ),
    "mapped": Term(
        "Test codes match",
        "Mã dịch vụ khớp nhau",
        "both sides map the test to one concept",
    ),
    "valid": Term(
        "Result still valid",
        "Kết quả còn giá trị",
        "age, status, unit, method and course of illness allow reuse",
    ),
    "recognised": Term(
        "Result recognised",
        "Kết quả được công nhận",
        "laboratory level or accreditation and the list of services allow recognition",
    ),
    "seen": Term(
        "Clinician looked",
        "Bác sĩ đã xem",
        "the earlier result was seen before the test was performed",
    ),
    "accepted": Term(
        "Clinician accepted",
        "Bác sĩ chấp nhận",
        "the clinician who saw the result used it instead of a new test",
    ),
}

MEASURES: Final[dict[str, Term]] = {
    "orders": Term("Orders", "Chỉ định", "every test wanted in the count period"),
    "tests_performed_without_sharing": Term(
        "Tests performed, no sharing", "Xét nghiệm thực hiện khi không liên thông", "world 0"
    ),
    "tests_performed_with_sharing": Term(
        "Tests performed, this scenario", "Xét nghiệm thực hiện trong kịch bản", "world 1"
    ),
    "cross_facility_repeats_without_sharing": Term(
        "Repeats across facilities, no sharing",
        "Lặp lại giữa các cơ sở khi không liên thông",
        "performed although another facility had a result within the test's window",
    ),
    "cross_facility_repeats_with_sharing": Term(
        "Repeats across facilities, this scenario",
        "Lặp lại giữa các cơ sở trong kịch bản",
        "not the saving: an avoided test does not renew the last result",
    ),
    "shared_reused": Term(
        "Shared results used", "Kết quả liên thông được dùng", "instead of an avoidable repeat"
    ),
    "repeats_avoided": Term(
        "Repeats avoided", "Số lần lặp lại tránh được", "safely: unsafe reuses are taken off"
    ),
    "repeats_avoided_expected": Term(
        "Repeats avoided, expected",
        "Số lần tránh được, kỳ vọng",
        "the same number without the chance of looking and accepting: less noise in a small sample",
    ),
    "repeats_avoided_share_expected": Term(
        "Share of repeats avoided, expected",
        "Tỷ lệ tránh được, kỳ vọng",
        "per repeat across facilities without sharing",
    ),
    "repeats_avoided_share": Term(
        "Share of repeats avoided",
        "Tỷ lệ lặp lại tránh được",
        "repeats avoided per repeat across facilities without sharing",
    ),
    "orders_avoided_share": Term(
        "Share of all orders avoided", "Tỷ lệ trên mọi chỉ định", "repeats avoided per order"
    ),
    "avoidable": Term(
        "Avoidable repeats",
        "Lặp lại có thể tránh",
        "across facilities, not clinically needed, not replaced by paper",
    ),
    "avoidable_share_avoided": Term(
        "Share of avoidable repeats avoided", "Tỷ lệ tránh được trên số có thể tránh", ""
    ),
    "reach": Term(
        "Reachable today",
        "Có thể với tới hôm nay",
        "share of repeats whose newest earlier result passed the first four gates",
    ),
    "run_rate": Term(
        "Repeats avoided per year, at the end",
        "Tốc độ cuối kỳ, một năm",
        "from the last 90 days of the count period",
    ),
    "unsafe_reuses": Term(
        "Unsafe reuses",
        "Dùng lại không an toàn",
        "a needed test was missed, or another person's result was used",
    ),
    "cost_avoided_vnd": Term(
        "Billed value avoided (payer view)",
        "Giá trị thanh toán tránh được (bên chi trả)",
        "insurer and co-payment together; for the provider it is lost income",
    ),
    "cost_avoided_provider_vnd": Term(
        "Income lost (provider view)", "Thu nhập giảm (cơ sở)", "the same value, seen by providers"
    ),
    "cost_avoided_society_vnd": Term(
        "Resources saved (society view)",
        "Nguồn lực tiết kiệm (xã hội)",
        "only the variable share of the price",
    ),
    "turnaround_saved_hours": Term(
        "Waiting saved", "Thời gian chờ tiết kiệm", "per visit, never summed over its orders"
    ),
    "radiation_avoided_msv": Term("Radiation avoided", "Liều bức xạ tránh được", "effective dose"),
}

CLASSES: Final[dict[str, Term]] = {
    "first": Term("First in its window", "Lần đầu", "no earlier result: performed"),
    "serial": Term("Serial inpatient", "Theo dõi nội trú", "later order of a stay: performed"),
    "local_performed": Term(
        "Repeat in the same facility", "Lặp lại cùng cơ sở", "never credited to sharing: performed"
    ),
    "local_reused": Term("Own record reused", "Dùng lại hồ sơ của mình", "not performed"),
    "paper_reused": Term("Paper or film reused", "Dùng lại giấy, phim", "not performed"),
    "needed_performed": Term(
        "Needed repeat", "Lặp lại cần thiết", "across facilities, clinically needed: performed"
    ),
    "performed_repeat": Term(
        "Avoidable repeat", "Lặp lại có thể tránh", "across facilities, not needed: performed"
    ),
    "lost": Term("Avoidable, but lost", "Bị mất lợi ích", "a gate was closed: performed"),
    "shared_reused": Term("Shared result reused", "Dùng lại kết quả liên thông", "not performed"),
    "unsafe_missed_change": Term(
        "Unsafe: change missed", "Không an toàn: bỏ sót thay đổi", "needed, but not performed"
    ),
    "unsafe_wrong_person": Term(
        "Unsafe: wrong person", "Không an toàn: nhầm người", "a stranger's result was used"
    ),
}

LIMITS: Final[tuple[tuple[str, str], ...]] = (
    ("Illness outcomes", "the model counts tests, value, waiting and dose, not health."),
    ("Changed referrals", "a shared result never changes who is referred, when or where."),
    ("Doctors who learn from hits", "looking grows with time since connection only."),
    (
        "Extra tests because more is seen",
        "parameter induced_orders, default 0, plausible up to 0.02 of the visits seen.",
    ),
    (
        "Exchange of anything but results",
        "medicines, summaries and letters are outside the model.",
    ),
)

CAVEATS: Final[tuple[str, ...]] = (
    "No measured Vietnamese repeat rate and no realised saving was found in public sources. The"
    " shares of orders with a result elsewhere, and the gaps between visits to different"
    " facilities, drive the answer and have no Vietnamese source.",
    "Most behaviour parameters are marked ASSUMPTION; the wider interval (ui95) draws all of them"
    " from their ranges. The narrower one (ci95) holds only chance at the central values.",
    "Published studies of record exchange range from no effect at all to about a quarter of"
    " repeats. A small number is a finding here, not a fault.",
)


def gate_label(key: str) -> str:
    """English words of a gate key; an unknown key stands for itself."""
    return GATES[key].en if key in GATES else key.replace("_", " ")


def measure(key: str) -> Term:
    """Words of a measure; an unknown name stands for itself."""
    return MEASURES.get(key, Term(key.replace("_", " "), "", ""))


_VOLUME_WORDS: Final = {"ct": "CT", "mri": "MRI", "ecg": "ECG", "xray": "X-ray"}


def volume(key: str) -> str:
    """Words of a calibration volume: `chest_xray_per_100` as `chest X-ray per 100`."""
    return " ".join(_VOLUME_WORDS.get(word, word) for word in key.split("_"))
