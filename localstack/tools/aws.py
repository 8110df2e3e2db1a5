"""MiniStack, saving its state every few seconds.

MiniStack 1.5.33 writes its tables and secrets to disk only when it is stopped in good
order, so a machine that is switched off would lose every account made since the start.
Objects in S3 it writes at once.
"""

import threading
import time

from ministack import app
from ministack.core import persistence

SECONDS = 5


def save_for_ever():
    """Saves while requests are being served: a table that changes under it is tried again."""
    while True:
        time.sleep(SECONDS)
        persistence.save_all(app._build_persistence_save_dict())


# It logs one line for each file it saves: too much, every five seconds.
persistence.logger.setLevel("WARNING")
threading.Thread(target=save_for_ever, daemon=True).start()
app.main()
