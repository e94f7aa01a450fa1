import type { KeyTable } from '../schema.ts';

/** Keys of a connection that swanctl.conf does not have. */
export const ownConnectionKeys: KeyTable = {
  ppk_id_type: {
    kind: 'choice',
    choices: ['fixed', 'opaque'],
    default: 'fixed',
    status: 'supported',
    about: 'how the name of the post-quantum pre-shared key is marked (not in strongSwan)',
  },
  legacy: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about:
      'whether 3DES, SHA-1 and MODP-1024 may stand in the proposals of the connection and of its children, for peers that have nothing better (not in strongSwan)',
  },
  ocsp: {
    kind: 'choice',
    choices: ['never', 'reply', 'request', 'both'],
    status: 'supported',
    about:
      'OCSP responses inside IKE (RFC 4806): request asks the peer for one, reply sends one along with the own certificate to a peer that asks. Absent: reply, and both where remote.revocation is strict or ifuri (in strongSwan from 6.0 on)',
  },
  keepalive_kind: {
    kind: 'choice',
    choices: ['byte', 'esp', 'dpd'],
    default: 'byte',
    status: 'supported',
    about:
      'what keeps a NAT mapping: the byte 0xFF, or something that lets the peer follow a new mapping: an empty ESP packet, a liveness check (not in strongSwan)',
  },
  update_on_connectivity: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about:
      'whether the peer is told the address at every change of the network, also where it stays (not in strongSwan)',
  },
  binding_discovery: {
    kind: 'boolean',
    default: 'yes',
    status: 'supported',
    about:
      'whether a client measures how long the NAT remembers, and sends keepalives accordingly (not in strongSwan)',
  },
  peer_path_check: {
    kind: 'boolean',
    default: 'yes',
    status: 'supported',
    about:
      'whether a peer that moves must answer from there before traffic goes there (not in strongSwan)',
  },
  if_unheard: {
    kind: 'choice',
    choices: ['return', 'stay'],
    default: 'return',
    status: 'supported',
    about:
      'what a server does that moved to another address where nobody hears it (not in strongSwan)',
  },
};

/** Keys of `local` that swanctl.conf does not have. */
export const ownLocalKeys: KeyTable = {
  ttls_inner: {
    kind: 'choice',
    choices: ['eap', 'mschapv2', 'pap', 'certificate'],
    default: 'eap',
    status: 'supported',
    about:
      'how eap-ttls shows the password inside of the tunnel: eap, by MSCHAPv2, MD5 or GTC, as strongSwan does; or by an attribute of mschapv2 or pap; a server takes all of them; or certificate: not at all, for a strongSwan with request_peer_auth, to which the certificate is enough (not in strongSwan)',
  },
};

/** Keys of `remote` that swanctl.conf does not have. */
export const ownRemoteKeys: KeyTable = {
  ttls_cert: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about:
      'whether a peer by eap-ttls has to show a certificate as well, from a CA in cacerts and for the name that it proves; absent: what charon.plugins.eap-ttls.request_peer_auth says (not in strongSwan)',
  },
  revalidation: {
    kind: 'choice',
    choices: ['close', 'alert', 'grace'],
    default: 'close',
    status: 'supported',
    about:
      'what becomes of a session that stands when the certificate of its peer turns out to be revoked, to have run out or to lead to no trusted CA any more: it ends, that is told, or it ends after a while; with revocation = strict or ifuri the same where nothing says that it is not revoked (not in strongSwan)',
  },
  revalidation_grace: {
    kind: 'time',
    default: '10m',
    status: 'supported',
    about: 'how long with revalidation = grace (not in strongSwan)',
  },
  revalidation_time: {
    kind: 'time',
    default: '0s',
    status: 'supported',
    about:
      'how often certificates of sessions that stand are looked at; 0 only for a reason: `ipsec-kit revalidate`, the end of a certificate, CRL or OCSP response, a rekey (not in strongSwan)',
  },
};

/** Keys of `charon` that strongswan.conf does not have. */
export const ownCharonKeys: KeyTable = {
  keep_alive_forced: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about: 'keepalives also where no NAT was seen, for stateful firewalls (not in strongSwan)',
  },
  network_monitor: {
    kind: 'boolean',
    default: 'yes',
    status: 'supported',
    about:
      'whether addresses that come and go, and changes of network, are followed, by `connect` and by `serve` (not in strongSwan)',
  },
  nat64_prefix: {
    kind: 'text',
    default: 'discover',
    status: 'supported',
    about:
      'under which the NAT64 of a network with IPv6 alone reaches a server with IPv4 alone: a prefix such as 64:ff9b::/96, discover (RFC 7050), or none (not in strongSwan)',
  },
  workers: {
    kind: 'integer',
    default: '1',
    status: 'supported',
    about:
      'threads that carry packets, 1 to 16, each with a queue of the TUN device and sockets of its own: for servers of many peers, since an SA belongs to one thread; another number takes a restart (not in strongSwan)',
  },
};
