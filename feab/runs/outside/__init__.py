"""Files that other programs wrote or read: tables of answers (CSV, JSON Lines, JSON) and what lm-eval logs."""
