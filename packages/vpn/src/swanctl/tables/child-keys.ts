import type { KeyRule, KeyTable, SectionRule } from '../schema.ts';

const NO_KERNEL = 'there are no policies in the kernel: packets go through a TUN device';
const MARKS =
  'netfilter marks are not set or matched: traffic would take another way than the marks say';

function mark(about: string): KeyRule {
  return {
    kind: 'text',
    default: '0/0x00000000',
    status: 'refused',
    because: MARKS,
    except: [{ values: ['0', '0x0', '0/0', '0/0x0'], status: 'supported' }],
    about,
  };
}

const childKeys: KeyTable = {
  ah_proposals: {
    kind: 'list',
    status: 'refused',
    because: 'AH is not implemented: use esp_proposals',
    about: 'algorithms of AH',
  },
  esp_proposals: {
    kind: 'list',
    default: 'default',
    status: 'supported',
    about: 'algorithms of ESP',
  },
  sha256_96: {
    kind: 'boolean',
    default: 'no',
    status: 'refused',
    because: 'the short truncation of HMAC-SHA-256 is not implemented',
    about: 'HMAC-SHA-256 cut to 96 bits',
  },
  local_ts: {
    kind: 'list',
    default: 'dynamic',
    status: 'supported',
    about: 'own traffic to protect',
  },
  remote_ts: {
    kind: 'list',
    default: 'dynamic',
    status: 'supported',
    about: "the peer's traffic to protect",
  },
  rekey_time: {
    kind: 'time',
    default: '1h',
    status: 'supported',
    about:
      'time until the Child SA is replaced, 0 for never; life_time / 1.1 where only that is given',
  },
  life_time: {
    kind: 'time',
    status: 'supported',
    about: 'time until the Child SA ends, replaced or not; rekey_time and a tenth when absent',
  },
  rand_time: {
    kind: 'time',
    status: 'supported',
    about:
      'most that is subtracted from rekey_time at random; life_time less rekey_time when absent, at most half of rekey_time',
  },
  rekey_bytes: {
    kind: 'bytes',
    default: '0',
    status: 'supported',
    about:
      'bytes until the Child SA is replaced, 0 for never; life_bytes / 1.1 where only that is given',
  },
  life_bytes: {
    kind: 'bytes',
    status: 'supported',
    about: 'bytes until the Child SA ends; rekey_bytes and a tenth when absent',
  },
  rand_bytes: {
    kind: 'bytes',
    status: 'supported',
    about:
      'most bytes that are subtracted from rekey_bytes at random; absent: what lies between that and life_bytes, at most half of it',
  },
  rekey_packets: {
    kind: 'integer',
    default: '0',
    status: 'supported',
    about:
      'packets until the Child SA is replaced, 0 for never; life_packets / 1.1 where only that is given',
  },
  life_packets: {
    kind: 'integer',
    status: 'supported',
    about: 'packets until the Child SA ends; rekey_packets and a tenth when absent',
  },
  rand_packets: {
    kind: 'integer',
    status: 'supported',
    about:
      'most packets that are subtracted from rekey_packets at random; absent: what lies between that and life_packets, at most half of it',
  },
  updown: {
    kind: 'text',
    status: 'refused',
    because:
      'scripts are not run, and what they do to routes or the firewall would be missing: leave it out, and use the events of the command instead',
    about: 'script to run when the Child SA comes and goes',
  },
  hostaccess: {
    kind: 'boolean',
    default: 'no',
    status: 'no-effect',
    because: 'it is a variable for the updown script, and scripts are not run',
    about: 'variable for the updown script',
  },
  mode: {
    kind: 'choice',
    choices: ['tunnel', 'transport', 'transport_proxy', 'beet', 'pass', 'drop'],
    default: 'tunnel',
    status: 'refused',
    because: 'only these two are there: write mode = tunnel or mode = transport',
    except: [{ values: ['transport'], status: 'supported' }],
    about:
      'IPsec mode: tunnel or transport, which is between the two hosts themselves; where the peer does not want transport, or the selectors do not cover the addresses of both, it is a tunnel',
  },
  policies: {
    kind: 'boolean',
    default: 'yes',
    status: 'refused',
    because: 'the packet path always checks the selectors: leave it out',
    about: 'whether policies are installed',
  },
  policies_fwd_out: {
    kind: 'boolean',
    default: 'no',
    status: 'no-effect',
    because: NO_KERNEL,
    about: 'forwarding policies of the kernel, outbound',
  },
  dpd_action: {
    kind: 'choice',
    choices: ['clear', 'none', 'trap', 'restart', 'start'],
    default: 'clear',
    status: 'supported',
    about:
      'what to do when the peer is dead: clear, trap (its traffic opens it again) or restart; the same in all children of a connection',
  },
  ipcomp: {
    kind: 'boolean',
    default: 'no',
    status: 'no-effect',
    because: 'compression is not offered',
    about: 'compression with IPComp',
  },
  inactivity: {
    kind: 'time',
    default: '0s',
    status: 'no-effect',
    because: 'a Child SA without traffic stays',
    about: 'time without traffic after which the Child SA ends',
  },
  reqid: {
    kind: 'integer',
    default: '0',
    status: 'no-effect',
    because: NO_KERNEL,
    about: 'reqid in the kernel',
  },
  priority: {
    kind: 'integer',
    default: '0',
    status: 'no-effect',
    because: NO_KERNEL,
    about: 'priority of the policies in the kernel',
  },
  interface: {
    kind: 'text',
    status: 'refused',
    because: 'policies are not bound to an interface: traffic of all interfaces would be taken',
    about: 'interface that the policies are for',
  },
  mark_in: mark('netfilter mark of inbound traffic'),
  mark_in_sa: {
    kind: 'boolean',
    default: 'no',
    status: 'no-effect',
    because: NO_KERNEL,
    about: 'whether mark_in is set on the SA',
  },
  mark_out: mark('netfilter mark of outbound traffic'),
  set_mark_in: mark('netfilter mark to set on decrypted packets'),
  set_mark_out: mark('netfilter mark to set on encrypted packets'),
  if_id_in: {
    kind: 'text',
    default: '0',
    status: 'refused',
    because: 'there are no XFRM interfaces: packets go through a TUN device',
    about: 'XFRM interface id, inbound',
  },
  if_id_out: {
    kind: 'text',
    default: '0',
    status: 'refused',
    because: 'there are no XFRM interfaces: packets go through a TUN device',
    about: 'XFRM interface id, outbound',
  },
  label: {
    kind: 'text',
    status: 'refused',
    because: 'security labels are not negotiated: traffic would not be told apart by label',
    about: 'security label',
  },
  label_mode: {
    kind: 'choice',
    choices: ['system', 'simple', 'selinux'],
    default: 'system',
    status: 'no-effect',
    because: 'security labels are not negotiated',
    about: 'what the security label is',
  },
  tfc_padding: {
    kind: 'text',
    default: '0',
    status: 'supported',
    about:
      'least size in bytes that inner packets are padded to, or mtu for as large as fits; tunnel mode only, and not where the peer says that it takes none',
  },
  replay_window: {
    kind: 'integer',
    default: '32',
    status: 'supported',
    about: 'packets that may come late; 0 turns replay protection off',
  },
  hw_offload: {
    kind: 'choice',
    choices: [
      'no',
      'yes',
      'auto',
      'crypto',
      'packet',
      'true',
      'false',
      '0',
      '1',
      'enabled',
      'disabled',
    ],
    default: 'no',
    status: 'no-effect',
    because: 'ESP runs in userspace',
    except: [{ values: ['auto', 'false', '0', 'disabled'], status: 'supported' }],
    about: 'ESP in the network card',
  },
  copy_df: {
    kind: 'boolean',
    default: 'yes',
    status: 'no-effect',
    because:
      'outer packets always carry DF, and the path MTU is found by probes: what does not fit is fragmented inside, or answered with ICMP',
    about: 'whether DF goes to the outer packet',
  },
  copy_ecn: {
    kind: 'boolean',
    default: 'yes',
    status: 'no-effect',
    because:
      'the ECN field always goes out, and congestion that was met always comes in (RFC 6040)',
    except: [{ values: ['yes', 'true', '1', 'enabled'], status: 'supported' }],
    about: 'whether ECN goes to and from the outer packet',
  },
  copy_dscp: {
    kind: 'choice',
    choices: ['out', 'in', 'yes', 'no', 'true', 'false', '0', '1', 'enabled', 'disabled'],
    default: 'out',
    status: 'no-effect',
    because: 'into packets that come in it is never copied (RFC 4301 §5.1.2)',
    except: [{ values: ['out', 'no', 'false', '0', 'disabled'], status: 'supported' }],
    about: 'whether the DSCP goes to and from the outer packet',
  },
  start_action: {
    kind: 'choice',
    choices: [
      'none',
      'start',
      'trap',
      'route',
      'trap|start',
      'start|trap',
      'route|start',
      'start|route',
    ],
    default: 'none',
    status: 'refused',
    because: 'write trap or start',
    except: [{ values: ['start', 'trap', 'route'], status: 'supported' }],
    about:
      'what to do at the start: start opens it (`connect` does so with none as well), trap lets its traffic open it, which needs remote_addrs, and an address of its own before the SA stands: no `vips = 0.0.0.0`',
  },
  close_action: {
    kind: 'choice',
    choices: [
      'none',
      'clear',
      'trap',
      'route',
      'hold',
      'start',
      'restart',
      'trap|start',
      'start|trap',
    ],
    default: 'none',
    status: 'refused',
    because: 'write trap or start',
    except: [
      { values: ['clear', 'trap', 'route', 'hold', 'start', 'restart'], status: 'supported' },
    ],
    about:
      'what to do when the peer closes the Child SA: none, trap (its traffic opens it again) or start; the same in all children of a connection',
  },
};

/** `connections.<conn>.children.<child>`. */
export const childSection: SectionRule = {
  path: 'connections.<conn>.children.<child>',
  about: 'one Child SA: which traffic is protected, and how',
  keys: childKeys,
};
