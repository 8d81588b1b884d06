# Databases, caches, web. Said on the first boot and on the second, when the data of the first must still be there.
number=$1

visits() { [ "$(as postgres psql --no-psqlrc -At -c 'SELECT count(*) FROM visits' shop)" = "$number" ]; }
check "postgresql serves a service by its user's name" visits
crypt() { as postgres psql --no-psqlrc -At -c "SELECT encode(digest('x', 'sha256'), 'hex')" shop | grep -q ^2d7116; }
check "postgresql has the database's extension" crypt

sql() { mariadb --batch --skip-column-names --execute="$1"; }
check "mariadb answers" sql "SELECT 1"
orders() {
    sql "CREATE DATABASE IF NOT EXISTS shop" &&
        sql "CREATE TABLE IF NOT EXISTS shop.orders (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB" &&
        sql "INSERT INTO shop.orders VALUES ()" && [ "$(sql 'SELECT count(*) FROM shop.orders')" = "$number" ]
}
check "mariadb keeps a table" orders

counted() { [ "$(redis-cli --raw INCR visits)" = "$number" ] && redis-cli SAVE; }
check "redis counts" counted
memcache() {
    python3 - <<END
import socket
with socket.create_connection(("127.0.0.1", 11211)) as server:
    server.sendall(b"set greeting 0 0 5\r\nhello\r\nget greeting\r\nquit\r\n")
    said = server.makefile("rb").read()
assert said == b"STORED\r\nVALUE greeting 0 5\r\nhello\r\nEND\r\n", said
END
}
check "memcached keeps a value" memcache

page() { python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())' "http://127.0.0.1$1"; }
fetch() { page "$1" | grep -qx "$2"; }
check "haproxy hands a page of nginx on" until_so fetch / "A page."
check "haproxy hands to python by path" until_so fetch /python/page.txt "A page of Python's."
check "php answers behind nginx and haproxy" fetch "/sum.php?n=20" "The sum is 42."

node_computes() { [ "$(node -e 'console.log([1, 2, 3].map(n => n * n).join())')" = 1,4,9 ]; }
check "node computes" node_computes
node_hashes() { node -e 'require("crypto").createHash("sha256").update("x").digest("hex").startsWith("2d7116") || process.exit(1)'; }
check "node has its libraries" node_hashes
modules() {
    python3 - <<END
import ctypes, decimal, hashlib, json, lzma, sqlite3, ssl, zoneinfo
store = sqlite3.connect(":memory:")
assert store.execute("SELECT 6 * 7").fetchone() == (42,)
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 50
END
}
check "python has sqlite, and TLS with certificates" modules

once() {
    for unit in postgresql-17 mariadb; do
        [ "$(systemctl show --property=ConditionResult --value "first-boot-$unit")" = "$1" ] || return 1
    done
}
[ "$number" = 1 ] && check "databases are made on the first boot" once yes
[ "$number" = 1 ] || check "databases are not made again" once no
identity() { cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub /etc/ssl/certs/ssl-cert-snakeoil.pem >/var/lib/identity.now; }
same() { identity; [ -e /var/lib/identity ] || cp /var/lib/identity.now /var/lib/identity; cmp /var/lib/identity.now /var/lib/identity; }
check "the machine is itself" same
