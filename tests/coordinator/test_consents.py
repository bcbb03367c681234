"""The consent registry: whose word is found, in which form."""

from coordinator.rules.consent import Provision
from coordinator.rules.facts import Purpose
from fhir_profiles import systems
from tests.coordinator.world import DISTRICT, PROVINCE, consent, key, network, patient


def _actor(role, group):
    coding = {"system": systems.PARTICIPATION, "code": role}
    return {
        "role": {"coding": [coding]},
        "reference": {"reference": f"Organization/{group}"},
    }


TREAT = {"system": systems.ACT_REASON, "code": "TREAT"}


def test_provisions_of_all_registrations_of_a_person():
    with network() as world:
        world.post(
            consent("1", type="deny", actor=[_actor("AUT", PROVINCE)]),
            consent("2", group=DISTRICT, type="permit", purpose=[TREAT]),
            consent("3", type="deny"),
        )
        provisions = world.services.consents.provisions
        deny = Provision(permit=False, authors=frozenset({PROVINCE}))
        permit = Provision(permit=True, purposes=frozenset({Purpose.TREATMENT}))
        assert provisions([key("1")]) == [deny]
        found = provisions([key("1"), key("2", DISTRICT)])
        assert sorted(found, key=lambda p: p.permit) == [deny, permit]
        assert provisions([key("9")]) == []
        assert provisions([]) == []


def test_a_consent_may_refer_to_the_patient_here():
    with network() as world:
        (name,) = world.post(patient("1"))
        by_reference = consent("1", type="deny") | {"patient": {"reference": name}}
        world.post(by_reference)
        assert world.services.consents.provisions([key("1")]) == [Provision(permit=False)]


def test_withdrawn_and_wrong_ones():
    with network() as world:
        (name,) = world.post(consent("1", type="permit"))
        (stated,) = world.services.consents.provisions([key("1")])
        assert stated.withdrawn_at is None
        id_ = name.partition("/")[2]
        gone = consent("1", type="permit") | {"id": id_, "status": "inactive"}
        world.post(gone)
        (stated,) = world.services.consents.provisions([key("1")])
        assert stated.withdrawn_at is not None
        world.post(gone | {"status": "entered-in-error"})
        assert world.services.consents.provisions([key("1")]) == []
