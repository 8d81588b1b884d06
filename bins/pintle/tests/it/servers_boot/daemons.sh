# Time, jobs, logs, names, bans, tunnels, figures, mail.
echo '* * * * * id -un >/tmp/beat-of-alice' | crontab -u alice -

check "chrony tracks" chronyc -n tracking
source() { chronyc -n -c sources -a | grep -q . ; }
check "chrony knows its source" source
# A second chronyd, which asks the first and sets nothing.
asked() { chronyd -Q -t 30 'server 127.0.0.1 iburst maxsamples 1' 2>&1 | grep -q 'System clock wrong by'; }
check "chrony tells the time" asked

logged() { logger -t shop "a line of $$" && until_so grep -q "shop: a line of $$" /var/log/syslog; }
check "rsyslog writes what is logged" logged

resolved() { [ "$(dig +short @127.0.0.1 "$@")" = "$answer" ]; }
answer=192.0.2.80 check "unbound knows a name" resolved shop.home.arpa
answer=shop.home.arpa. check "unbound knows an address" resolved -x 192.0.2.80
check "unbound takes orders" unbound-control status

check "fail2ban watches sshd" fail2ban-client status sshd
ban() { fail2ban-client set sshd banip 192.0.2.7 && until_so sh -c 'nft list ruleset | grep -q 192\.0\.2\.7'; }
unban() { fail2ban-client set sshd unbanip 192.0.2.7 && until_so sh -c '! nft list ruleset | grep -q 192\.0\.2\.7'; }
check "fail2ban bans" ban
check "fail2ban forgives" unban

# Two ends of a tunnel: the other has a network of its own, and sends through this one's loopback.
tunnel() {
    umask 077
    wg genkey >/etc/wireguard/here.key && wg genkey >/etc/wireguard/there.key || return
    cat >/etc/wireguard/wg0.conf <<END
[Interface]
PrivateKey = $(cat /etc/wireguard/here.key)
Address = 10.9.0.1/24
ListenPort = 51820
[Peer]
PublicKey = $(wg pubkey </etc/wireguard/there.key)
AllowedIPs = 10.9.0.2/32
Endpoint = 127.0.0.1:51821
END
    systemctl start wg-quick@wg0 && ip netns add there && ip link add wg1 type wireguard &&
        wg set wg1 private-key /etc/wireguard/there.key listen-port 51821 \
            peer "$(wg pubkey </etc/wireguard/here.key)" allowed-ips 10.9.0.0/24 endpoint 127.0.0.1:51820 &&
        ip link set wg1 netns there && ip -n there address add 10.9.0.2/24 dev wg1 && ip -n there link set wg1 up
}
check "wireguard makes a tunnel" tunnel
metrics() {
    "$@" python3 -c 'import urllib.request as r; print(r.urlopen("http://10.9.0.1:9100/metrics", timeout=60).read().decode())' |
        grep -q '^node_systemd_unit_state{name="cron.service",state="active".* 1$'
}
check "node exporter says its figures through the tunnel" metrics ip netns exec there

mailed() { until_so grep -q "$1" "/var/mail/$2"; }
sent() { printf 'Subject: by sendmail\n\nHello.\n' | /usr/sbin/sendmail "$1" && mailed "Subject: by sendmail" "$2"; }
check "postfix delivers to a user" sent alice alice
check "postfix delivers to an alias" sent postmaster root
smtp() {
    python3 - <<END && mailed "Subject: by SMTP" alice
import smtplib
with smtplib.SMTP("127.0.0.1") as server:
    server.ehlo()
    assert server.has_extn("starttls"), server.esmtp_features
    server.sendmail("shop@localhost", ["alice@localhost"], "Subject: by SMTP\r\n\r\nHello.\r\n")
END
}
check "postfix takes mail by SMTP" smtp

check "cron runs a job of the system" until_so grep -qx active /run/beat
check "cron runs a job of a user" until_so grep -qx alice /tmp/beat-of-alice
