# Containers of an image that came along; the page of one was already fetched from outside.
running() { [ "$(podman ps --format '{{.Names}}' | sort | xargs)" = "count web" ]; }
check "podman runs both" running
written() { until_so podman exec count grep -qx 'hello from inside' /data/greeting; }
check "a volume takes what a container writes" written
limited() { [ "$(podman exec count cat /sys/fs/cgroup/memory.max)" = 33554432 ]; }
check "a container has its limit of memory" limited
image=$(podman inspect --format '{{.Image}}' count)
echoed() { [ "$(podman run --rm --network none "$image" echo hello)" = hello ]; }
check "podman runs a container by hand" echoed
fetched() { podman run --rm "$image" wget -q -O - "http://$(podman inspect --format '{{.NetworkSettings.IPAddress}}' web)/" | grep -q "A page."; }
check "a container reaches another" fetched
