"""What somebody asks for: one TOML file, one schema."""
