"""The demo: four stories told through the rooms' public operations, checking their results.

The film: clips of a livestream are found in it.

film.py       the story: what is done, what is shown
findings.py   what must be found, beside what was
stream.py     a livestream sale, drawn: scenes and camera
host.py, room.py, goods.py, overlay.py, voice.py   what is seen and heard of it
clips.py      clips cut and edited as clippers do
pen.py, recording.py   drawing a shape, and making a video file

The licence: from an offer to an approved clip, and sales that it covers or not.

licence.py    the story until it is signed: offer, application, certificate
licensed.py   what happens under it: a clip, sales

The settlement: what a marketplace reports is posted, explained, released and stated.

settlement.py the story until money is released: reports, suspense, a sale explained
closing.py    the month's close, and Ana's statement
paying.py     what it says is paid, through the Stripe sandbox
orders.py     what the marketplace reports

The month: a host's sales go through the books.

story.py      the story: what is done, what is shown, what must have come out
month.py      a host's month as ledger entries

The year: many more clippers and sales, so that there is something to look at where the pages are served.

year.py       what is traded, once the stories are told
crowd.py      the clippers, and the offers they clip under
trade.py      what marketplaces report of twelve months
year_clips.py, year_waits.py   clips of theirs; what waits for host, finance and approver

visitors_video.py   the visitor's own recording, in place of the stream that is drawn
guests.py     who may look at what is left of it in the browser
stage.py      the database in which the last three are told, and the host's book
paper.py      how all look on a terminal
checks.py     what happens when a result is not what it must be
"""
