"""The operator's pages: is the service well, who may do what, what runs by the clock, what waits for a last word."""

from litestar import Router

from clipledger.pages.operator import appeals, audit, books, handles, health, people, policy, rails, schedule

routes: list[Router] = [
    health.show,
    books.list_all,
    people.list_all,
    people.show,
    policy.show,
    schedule.show,
    rails.show,
    appeals.list_all,
    appeals.show,
    handles.show,
    audit.show,
]
