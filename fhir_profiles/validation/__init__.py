"""Is a resource what FHIR says it is? Trees in, issues with paths out; nothing is fetched."""
