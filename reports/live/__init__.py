"""A load as it goes on, for Prometheus and OpenTelemetry: counted from its journals, health and monitor."""
