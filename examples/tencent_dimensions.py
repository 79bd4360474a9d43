"""The typed dimensions of Tencent's products: the vendor's exact keys out of names a type checker knows."""

import json
from datetime import UTC, datetime

from alarm_dispatch import Alarm, Metric, MetricCondition, Policy, Target
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import BuildContext, tencent

listener = tencent.ClbPublicListenerDimensions(protocol="https", vip="118.25.31.161", vport=443)
print(listener.product, dict(listener))

# The keys of a body, or of a database, become the typed form again.
server = tencent.CvmEventDimensions.from_mapping(
    {
        "unInstanceId": "ins-pftdvqa2",
        "objDetail": {
            "deviceLanIp": "172.21.0.17",
            "deviceWanIp": "118.89.233.99",
            "uniqVpcId": "vpc-ilrwkcbw",
        },
    }
)
print(server.device_lan_ip)

try:
    tencent.RedisDimensions.from_mapping({"redisUuid": "crs-1"})
except InvalidFieldError as error:
    print(error)

alarm = Alarm(
    id="clb-1",
    policy=Policy(
        id="policy-9", name="listeners", type="PUBLICCLB_LISTENER", type_name="CLB - public network listener"
    ),
    condition=MetricCondition(metric=Metric(name="connum", display_name="connections")),
    target=Target(region="gz", namespace="qce/lb_public", dimensions=listener),
    started_at=datetime(2026, 1, 31, tzinfo=UTC),
)
body = tencent.Format().build(alarm, BuildContext(session_id="abc", now=alarm.started_at)).content
print(json.loads(body)["alarmObjInfo"])

print(len(tencent.METRIC_DIMENSIONS), "metric shapes,", len(tencent.EVENT_DIMENSIONS), "event shapes")
