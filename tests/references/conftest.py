"""The scripts that make the references need another environment: pytest leaves them alone."""

collect_ignore_glob = ["make_*.py"]
