"""Is this URL ready to receive alarms?  One request, and 200 within 5 seconds means yes."""

from alarm_dispatch import Callback, Dispatcher
from alarm_dispatch.testing import LoopbackReceiver

SCRIPTS = {"/ready": "200", "/moved": "redirect:/ready", "/broken": "reset"}

with LoopbackReceiver(scripts=SCRIPTS) as receiver, Dispatcher() as dispatcher:
    for path in SCRIPTS:
        delivery = dispatcher.verify(Callback(receiver.url + path, format="tencent"))
        (attempt,) = delivery.attempts
        print(f"{path}: {'verified' if delivery.ok else delivery.outcome} in {attempt.duration:.1f} s")
