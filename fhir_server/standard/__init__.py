"""Operations that FHIR itself defines, one file each (https://hl7.org/fhir/R4/operationslist.html)."""
