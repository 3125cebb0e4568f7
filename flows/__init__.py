"""The shell: settings, wiring, Prefect flows and the command. It orders; it decides nothing."""
