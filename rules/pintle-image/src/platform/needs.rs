//! What each platform wants of a system, as data.

use pintle_model::{Platform, Size};

/// A kernel module and what is missing without it.
pub(super) struct Module {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    /// Without it the machine does not start or is not reached.
    pub(super) vital: bool,
}

/// Where the platform shows what the system writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Console {
    /// The first serial port.
    Serial,
    /// A screen.
    Screen,
}

impl Console {
    /// As the kernel calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serial => "ttyS0",
            Self::Screen => "tty0",
        }
    }
}

/// A program of the platform, or for it.
pub(super) struct Agent {
    /// Debian packages, one of which does.
    pub(super) packages: &'static [&'static str],
    pub(super) why: &'static str,
}

/// What a platform wants.
pub(super) struct Needs {
    pub(super) name: &'static str,
    pub(super) modules: &'static [Module],
    pub(super) console: Console,
    pub(super) console_why: &'static str,
    /// Machines start by BIOS only.
    pub(super) bios_only: bool,
    /// Has machines with arm64.
    pub(super) arm64: bool,
    /// The largest disk that is taken, and where that comes from.
    pub(super) max: Option<(Size, &'static str)>,
    pub(super) agents: &'static [Agent],
}

const fn vital(name: &'static str, why: &'static str) -> Module {
    Module { name, why, vital: true }
}

const fn useful(name: &'static str, why: &'static str) -> Module {
    Module { name, why, vital: false }
}

const SERIAL_LOG: &str = "the platform's log of the console stays empty";

const DIGITAL_OCEAN: Needs = Needs {
    name: "digitalocean",
    modules: &[
        vital("virtio_pci", "disk and network of a droplet are virtio devices"),
        vital("virtio_blk", "the droplet's disk"),
        vital("virtio_net", "the droplet's network"),
        useful("virtio_scsi", "volumes"),
        useful("isofs", "the config drive, from which keys and user-data are read"),
    ],
    console: Console::Screen,
    console_why: "the recovery console stays black",
    bios_only: true,
    arm64: false,
    max: Some((Size(100_000_000_000), "custom images have 100 GB at most once unpacked")),
    agents: &[Agent {
        packages: &["cloud-init"],
        why: "keys and user-data given with the droplet are not applied",
    }],
};

const EC2: Needs = Needs {
    name: "ec2",
    modules: &[
        vital("nvme", "disks of all current instance types"),
        vital("ena", "network of all current instance types"),
        useful("xen_blkfront", "disks of older instance types (t2, m4)"),
        useful("xen_netfront", "network of the smallest older instance types"),
    ],
    console: Console::Serial,
    console_why: "`aws ec2 get-console-output` stays empty",
    bios_only: false,
    arm64: true,
    max: Some((Size((2 << 40) - (1 << 20)), "stream-optimized VMDK has less than 2 TiB")),
    agents: &[Agent {
        packages: &["cloud-init"],
        why: "key pair and user-data given with the instance are not applied",
    }],
};

const GCP: Needs = Needs {
    name: "gcp",
    modules: &[
        vital("virtio_scsi", "disks of most machine types"),
        vital("virtio_net", "network of most machine types"),
        useful("nvme", "disks of the machine types since the third generation"),
        useful("gve", "network of the machine types since the third generation"),
    ],
    console: Console::Serial,
    console_why: SERIAL_LOG,
    bios_only: false,
    arm64: true,
    max: None,
    agents: &[Agent {
        packages: &["google-guest-agent", "cloud-init"],
        why: "SSH keys of the project's metadata are not applied",
    }],
};

const AZURE: Needs = Needs {
    name: "azure",
    modules: &[
        vital("hv_vmbus", "Hyper-V's bus, on which everything else is"),
        vital("hv_storvsc", "disks"),
        vital("hv_netvsc", "network"),
        useful("hv_utils", "shutdown, heartbeat and time from the host"),
        useful("nvme", "disks of the sizes since version 6"),
        useful("udf", "the drive from which cloud-init reads user and key"),
    ],
    console: Console::Serial,
    console_why: "boot diagnostics and the serial console stay empty",
    bios_only: false,
    arm64: true,
    max: Some((Size(4095 << 30), "a disk has 4095 GiB at most")),
    agents: &[Agent {
        packages: &["cloud-init", "waagent"],
        why: "nothing tells Azure that a machine is ready, so that it can be started from a disk of its own \
              (`--attach-os-disk`), but not from a generalized image",
    }],
};

const OPENSTACK: Needs = Needs {
    name: "openstack",
    modules: &[
        vital("virtio_pci", "disk and network are virtio devices"),
        vital("virtio_blk", "disks, where the cloud does not heed `hw_disk_bus`"),
        vital("virtio_net", "network"),
        useful("virtio_scsi", "disks with discard"),
        useful("isofs", "the config drive"),
    ],
    console: Console::Serial,
    console_why: "`openstack console log show` stays empty",
    bios_only: false,
    arm64: true,
    max: None,
    agents: &[Agent {
        packages: &["cloud-init"],
        why: "key pair and user-data given with the server are not applied",
    }],
};

const PROXMOX: Needs = Needs {
    name: "proxmox",
    modules: &[
        vital("virtio_pci", "disk and network are virtio devices"),
        vital("virtio_scsi", "disks"),
        vital("virtio_net", "network"),
        useful("virtio_balloon", "memory that is given back to the host"),
    ],
    console: Console::Serial,
    console_why: "`qm terminal` stays empty",
    bios_only: false,
    arm64: false,
    max: None,
    agents: &[Agent {
        packages: &["qemu-guest-agent"],
        why: "the host sees no addresses, and backups do not freeze the file systems",
    }],
};

/// What `platform` wants.
pub(super) fn of(platform: Platform) -> &'static Needs {
    match platform {
        Platform::DigitalOcean => &DIGITAL_OCEAN,
        Platform::Ec2 => &EC2,
        Platform::Gcp => &GCP,
        Platform::Azure => &AZURE,
        Platform::OpenStack => &OPENSTACK,
        Platform::Proxmox => &PROXMOX,
    }
}
