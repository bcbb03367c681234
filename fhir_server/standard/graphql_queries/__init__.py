"""GraphQL over the resources of a store: read and checked, then carried out within bounds."""
