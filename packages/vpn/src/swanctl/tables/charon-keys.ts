import type { KeyRule, KeyTable } from '../schema.ts';
import type { ValueKind } from '../setting-values.ts';
import { ownCharonKeys } from './own-keys.ts';

const INTERNAL = 'it is about the inner workings of charon';
const SIGNATURES =
  'the best that both sides have is used, RSA-PSS before PKCS #1: say in auth what is wanted, as in rsa/pkcs1-sha256';
const EAP =
  'EAP stands alone where both sides of a connection have it, and each side has one round';
const IKEV1 = 'it is about IKEv1, which is not spoken';
const ROUTES = 'routes and virtual addresses are always set up on the TUN device: leave it out';
const ATTRIBUTES =
  'servers for peers are set per pool: write it in the pool, as in pools { p { dns = 10.0.0.1 } }';

type Row = readonly [key: string, kind: ValueKind, fallback: string, about: string];

function table(
  status: KeyRule['status'],
  because: string | undefined,
  rows: readonly Row[],
): [string, KeyRule][] {
  return rows.map(([key, kind, fallback, about]) => {
    const rule: KeyRule = { kind, status, about };
    const explained = because === undefined ? rule : { ...rule, because };
    return [key, fallback === '' ? explained : { ...explained, default: fallback }];
  });
}

const supported = table('supported', undefined, [
  ['port', 'integer', '500', 'own UDP port for IKE; 0 takes any'],
  ['port_nat_t', 'integer', '4500', 'own UDP port for IKE and ESP behind NAT; 0 takes any'],
  ['keep_alive', 'time', '20s', 'interval of NAT keepalives; 0 sends none'],
  [
    'keep_alive_dpd_margin',
    'time',
    '',
    'lateness from which a keepalive becomes a liveness check; 20s when absent (strongSwan: 0s)',
  ],
  ['retransmit_timeout', 'fine-time', '4.0', 'time until the first retransmission'],
  ['retransmit_base', 'number', '1.8', 'factor between retransmissions'],
  ['retransmit_tries', 'integer', '5', 'retransmissions before giving up'],
  ['retransmit_limit', 'time', '0', 'longest time between retransmissions; 0 is no limit'],
  ['retransmit_jitter', 'integer', '0', 'percent that are subtracted at random'],
  [
    'fragment_size',
    'integer',
    '1280',
    'largest IP packet with an IKE fragment; 0 takes what suits the family',
  ],
  ['cookie_threshold', 'integer', '30', 'half-open IKE SAs from which cookies are asked for'],
  ['cookie_threshold_ip', 'integer', '3', 'the same for one address'],
  [
    'block_threshold',
    'integer',
    '5',
    'half-open IKE SAs of one address from which requests are dropped',
  ],
  [
    'init_limit_half_open',
    'integer',
    '0',
    'half-open IKE SAs from which requests are dropped; 0 is no limit',
  ],
  ['half_open_timeout', 'time', '30', 'time that a peer has to authenticate'],
  ['ikesa_limit', 'integer', '0', 'IKE SAs in all; 0 takes the default'],
  ['replay_window', 'integer', '32', 'replay window of children that set none'],
  [
    'make_before_break',
    'boolean',
    'no',
    'whether a reauthentication opens the new IKE SA before it ends the old one',
  ],
]);

const refused: readonly [string, KeyRule][] = [
  ...table('refused', ROUTES, [
    ['install_routes', 'boolean', 'yes', 'whether routes are set up'],
    ['install_virtual_ip', 'boolean', 'yes', 'whether virtual addresses are set up'],
    ['install_virtual_ip_on', 'text', '', 'interface for virtual addresses'],
  ]),
  ...table('refused', ATTRIBUTES, [
    ['dns1', 'text', '', 'DNS server for peers'],
    ['dns2', 'text', '', 'DNS server for peers'],
    ['nbns1', 'text', '', 'NetBIOS name server for peers'],
    ['nbns2', 'text', '', 'NetBIOS name server for peers'],
  ]),
  ...table('refused', 'sockets listen on all interfaces: use local_addrs in the connections', [
    ['interfaces_ignore', 'list', '', 'interfaces not to use'],
    ['interfaces_use', 'list', '', 'interfaces to use'],
  ]),
  ...table(
    'refused',
    'the process keeps its user and group: start it as the one that it is to run as',
    [
      ['user', 'text', '', 'user to run as'],
      ['group', 'text', '', 'group to run as'],
    ],
  ),
  ...table('refused', 'a server answers whoever has a connection: leave it out, and use connect', [
    ['initiator_only', 'boolean', 'no', 'whether requests to open sessions are ignored'],
  ]),
];

const noEffect: readonly [string, KeyRule][] = [
  ...table('no-effect', INTERNAL, [
    ['check_current_path', 'boolean', 'no', 'path checks after changes of interfaces'],
    ['delete_rekeyed', 'boolean', 'no', 'deletion after rekeying'],
    ['delete_rekeyed_delay', 'time', '5', 'delay of deletion after rekeying'],
    ['dh_exponent_ansi_x9_42', 'boolean', 'yes', 'size of Diffie-Hellman exponents'],
    ['dlopen_use_rtld_now', 'boolean', 'no', 'loading of plugins'],
    ['flush_auth_cfg', 'boolean', 'no', 'memory after authentication'],
    ['ikesa_table_segments', 'integer', '1', 'locks of the table of IKE SAs'],
    ['ikesa_table_size', 'integer', '1', 'size of the table of IKE SAs'],
    ['ignore_routing_tables', 'text', '', 'routing tables to leave out'],
    ['ignore_acquire_ts', 'boolean', 'no', 'selectors of acquires'],
    ['init_limit_job_load', 'integer', '0', 'load from which requests are dropped'],
    ['integrity_test', 'boolean', 'no', 'check of binaries'],
    ['load', 'text', '', 'plugins to load'],
    ['load_modular', 'boolean', 'no', 'how plugins are chosen'],
    ['process_route', 'boolean', 'yes', 'events of routes'],
    ['prefer_best_path', 'boolean', 'no', 'choice of the path'],
    ['prefer_temporary_addrs', 'boolean', 'no', 'choice of IPv6 addresses'],
    ['receive_delay', 'integer', '0', 'artificial delay'],
    ['receive_delay_request', 'boolean', 'yes', 'artificial delay'],
    ['receive_delay_response', 'boolean', 'yes', 'artificial delay'],
    ['receive_delay_type', 'integer', '0', 'artificial delay'],
    ['routing_table', 'text', '', 'routing table'],
    ['routing_table_prio', 'text', '', 'routing table'],
    ['send_delay', 'integer', '0', 'artificial delay'],
    ['send_delay_request', 'boolean', 'yes', 'artificial delay'],
    ['send_delay_response', 'boolean', 'yes', 'artificial delay'],
    ['send_delay_type', 'integer', '0', 'artificial delay'],
    ['spi_label', 'text', '0x0000000000000000', 'form of SPIs'],
    ['spi_mask', 'text', '0x0000000000000000', 'form of SPIs'],
    ['spi_max', 'text', '0xcfffffff', 'form of SPIs'],
    ['spi_min', 'text', '0xc0000000', 'form of SPIs'],
    ['threads', 'integer', '16', 'threads'],
  ]),
  ...table('no-effect', 'CRLs and OCSP responses are kept in memory until they run out', [
    ['cache_crls', 'boolean', 'no', 'CRLs on disk'],
  ]),
  ...table('no-effect', 'each chain is checked anew', [
    ['cert_cache', 'boolean', 'yes', 'cache of chains'],
  ]),
  ...table('no-effect', 'certificates are sent themselves, and none is fetched', [
    ['hash_and_url', 'boolean', 'no', 'certificates by URL'],
  ]),
  ...table('no-effect', 'they are the same in each attribute, but for the case of letters', [
    ['rdn_matching', 'text', 'strict', 'matching of distinguished names'],
  ]),
  ...table('no-effect', SIGNATURES, [
    ['rsa_pss', 'boolean', 'no', 'RSA-PSS'],
    ['rsa_pss_trailerfield', 'boolean', 'no', 'RSA-PSS'],
    ['signature_authentication', 'boolean', 'yes', 'signatures of RFC 7427'],
    ['signature_authentication_constraints', 'boolean', 'yes', 'signatures of RFC 7427'],
  ]),
  ...table('no-effect', EAP, [
    ['force_eap_only_authentication', 'boolean', 'no', 'EAP without a certificate'],
    ['multiple_authentication', 'boolean', 'yes', 'several rounds of authentication'],
  ]),
  ...table('no-effect', IKEV1, [
    ['accept_unencrypted_mainmode_messages', 'boolean', 'no', 'Main Mode of IKEv1'],
    ['cisco_flexvpn', 'boolean', 'no', 'vendor id of Cisco'],
    ['cisco_unity', 'boolean', 'no', 'vendor id of Cisco'],
    [
      'i_dont_care_about_security_and_use_aggressive_mode_psk',
      'boolean',
      'no',
      'Aggressive Mode of IKEv1',
    ],
    ['max_ikev1_exchanges', 'integer', '3', 'exchanges of IKEv1'],
  ]),
  ...table('no-effect', 'private algorithms are never negotiated', [
    ['accept_private_algs', 'boolean', 'no', 'private algorithms'],
  ]),
  ...table('no-effect', 'the IKE SA stays when its first Child SA fails', [
    ['close_ike_on_child_failure', 'boolean', 'no', 'end of the IKE SA without a Child SA'],
  ]),
  ...table('no-effect', 'the protection against floods is always on', [
    ['dos_protection', 'boolean', 'yes', 'cookies and limits'],
  ]),
  ...table('no-effect', 'redirects are not followed yet', [
    ['follow_redirects', 'boolean', 'yes', 'redirects of RFC 5685'],
  ]),
  ...table('no-effect', 'a Child SA without traffic stays', [
    ['inactivity_close_ike', 'boolean', 'no', 'end of the IKE SA without traffic'],
  ]),
  ...table('no-effect', 'UDP datagrams of every size are taken', [
    ['max_packet', 'integer', '10000', 'largest packet'],
  ]),
  ...table('no-effect', 'the order of our own proposals always decides', [
    ['prefer_configured_proposals', 'boolean', 'yes', 'whose order of proposals decides'],
  ]),
  ...table('no-effect', 'the command tries a connection as often as keyingtries says', [
    ['retry_initiate_interval', 'time', '0', 'time between tries'],
  ]),
  ...table('no-effect', 'every connection has an IKE SA of its own', [
    ['reuse_ikesa', 'boolean', 'yes', 'whether Child SAs share an IKE SA'],
  ]),
  ...table('no-effect', 'no vendor id is sent', [
    ['send_vendor_id', 'boolean', 'no', 'vendor id of strongSwan'],
  ]),
];

/** The keys of `charon` and `charon-systemd`, as strongswan.conf(5) of 5.9.8 lists them. */
export const charonKeys: KeyTable = {
  ...Object.fromEntries([...supported, ...refused, ...noEffect]),
  ...ownCharonKeys,
};
