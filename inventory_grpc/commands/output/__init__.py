"""What commands print: tables for people, JSON, YAML and CSV for programs."""
