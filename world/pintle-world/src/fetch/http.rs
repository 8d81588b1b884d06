//! The HTTP client: three agents (direct, proxy for http, proxy for https), one watcher for the cancel flag.

use super::mirror::without_password;
use super::transport::PlainProxyConnector;
use super::{FetchError, ProxySettings, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, RustlsConnector, TcpConnector};
use ureq::{Agent, Body, Proxy};

/// The certificate authorities the host trusts (Debian's path); those built in serve where it is missing.
const HOST_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How often the cancel flag is looked at.
const WATCH: Duration = Duration::from_millis(100);

/// How plain HTTP goes through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    /// The request names the whole URL: what caching proxies take. For requests without a body only.
    WholeUrl,
    /// Through a tunnel, as HTTPS does.
    Tunnel,
}

#[derive(Debug)]
pub(crate) struct Http {
    direct: Agent,
    http: Agent,
    https: Agent,
    proxy: ProxySettings,
    /// Dropped with the client, which ends the watcher.
    _alive: SyncSender<()>,
}

impl Http {
    pub(crate) fn new(
        settings: &Settings,
        cancel: &Arc<AtomicBool>,
        plain: PlainHttp,
    ) -> Result<Self, FetchError> {
        let roots = host_roots();
        let through = |proxy: &Option<String>| -> Result<Agent, FetchError> {
            let proxy =
                proxy.as_deref().map(|url| Proxy::new(url).map_err(|_| bad_proxy(url))).transpose()?;
            Ok(agent(settings, roots.clone(), proxy, plain))
        };
        let (alive, dropped) = sync_channel(0);
        let http = Self {
            direct: through(&None)?,
            http: through(&settings.proxy.http)?,
            https: through(&settings.proxy.https)?,
            proxy: settings.proxy.clone(),
            _alive: alive,
        };
        let agents = [http.direct.clone(), http.http.clone(), http.https.clone()];
        let cancel = Arc::clone(cancel);
        std::thread::spawn(move || watch(&dropped, &cancel, agents));
        Ok(http)
    }

    /// The client that goes the way to `url`. Statuses are no errors of it.
    pub(crate) fn agent(&self, url: &str) -> &Agent {
        match () {
            () if self.proxy.is_direct(url) => &self.direct,
            () if url.starts_with("https:") => &self.https,
            () => &self.http,
        }
    }

    /// Asks for `url` from byte `from` on. Statuses are no errors here.
    pub(super) fn get(&self, url: &str, from: u64) -> Result<ureq::http::Response<Body>, ureq::Error> {
        let request = self.agent(url).get(url);
        if from == 0 { request.call() } else { request.header("Range", format!("bytes={from}-")).call() }
    }
}

fn bad_proxy(url: &str) -> FetchError {
    FetchError::Proxy(without_password(url))
}

fn agent(settings: &Settings, roots: RootCerts, proxy: Option<Proxy>, plain: PlainHttp) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(proxy)
        .user_agent(concat!("pintle/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(settings.connect))
        .timeout_connect(Some(settings.connect))
        .timeout_recv_response(Some(settings.stall))
        .timeout_per_read(Some(settings.stall))
        .timeout_per_write(Some(settings.stall))
        .max_idle_connections_per_host(8)
        .max_idle_connections(16)
        .build();
    let connector =
        ().chain(PlainProxyConnector(plain))
            .chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(RustlsConnector::default());
    Agent::with_parts(config, connector, DefaultResolver::default())
}

fn host_roots() -> RootCerts {
    let Ok(pem) = std::fs::read(HOST_ROOTS) else { return RootCerts::WebPki };
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&certificates) }
}

/// Cuts all connections once `cancel` is set: blocked reads return at once.
fn watch(dropped: &Receiver<()>, cancel: &AtomicBool, agents: [Agent; 3]) {
    while dropped.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
        if cancel.load(Ordering::Relaxed) {
            return agents.into_iter().for_each(Agent::shutdown);
        }
    }
}
