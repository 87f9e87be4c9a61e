"""Putting the load on. With locustfiles/ the only place that imports Locust or gevent."""
