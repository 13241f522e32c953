"""What ``make`` runs beside the package: the generated tables, the map of RFC sentences."""
