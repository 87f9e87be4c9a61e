"""Two kinds of visitors, as somebody has them who never heard of Proofload; `data.csv` is beside this file.

`proofload run --locustfile examples/locustfiles/shelf.py --users 20 --for 30s --host http://127.0.0.1:8080`
"""

import csv

from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, constant, constant_throughput, task

with open("data.csv", encoding="utf-8") as file:
    ITEMS = [row["id"] for row in csv.DictReader(file)]


class Shelf(TaskSet):
    @task(3)
    def look(self):
        self.client.get("/health", name="look")

    @task
    def leave(self):
        self.interrupt()


class Visitor(HttpUser):
    wait_time = constant(0.1)
    tasks = [Shelf]


class Reading(SequentialTaskSet):
    place = 0

    @task
    def choose(self):
        self.place += 1

    @task
    def read(self):
        item = ITEMS[self.place % len(ITEMS)]
        self.client.get(f"health?item={item}", name="read")


class Reader(FastHttpUser):
    wait_time = constant_throughput(5)
    tasks = [Reading]
