import type { KeyTable, SectionRule } from '../schema.ts';
import { localSection, remoteSection } from './authentication-keys.ts';
import { childSection } from './child-keys.ts';
import { ownConnectionKeys } from './own-keys.ts';

const IKEV1 = 'it is about IKEv1, which is not spoken';
const MEDIATION = 'the mediation extension is not implemented';
const INTERFACE_ID = 'there are no XFRM interfaces: packets go through a TUN device';

/** The keys of `connections.<conn>`, as swanctl.conf(5) of strongSwan 5.9.8 lists them. */
const connectionKeys: KeyTable = {
  version: {
    kind: 'integer',
    default: '0',
    status: 'refused',
    because: 'only IKEv2 is spoken: write version = 2, or leave it out',
    except: [{ values: ['2'], status: 'supported' }],
    about: 'IKE version: 0 and 2 are IKEv2',
  },
  local_addrs: {
    kind: 'list',
    default: '%any',
    status: 'supported',
    about: 'own addresses, prefixes, ranges or host names',
  },
  remote_addrs: {
    kind: 'list',
    default: '%any',
    status: 'supported',
    about: "the peer's addresses, prefixes, ranges or host names; an initiator needs one concrete",
  },
  local_port: { kind: 'integer', default: '500', status: 'supported', about: 'own UDP port' },
  remote_port: {
    kind: 'integer',
    default: '500',
    status: 'supported',
    about: "the peer's UDP port; only from 500 does an initiator go on to 4500",
  },
  proposals: {
    kind: 'list',
    default: 'default',
    status: 'supported',
    about: 'algorithms of the IKE SA',
  },
  vips: {
    kind: 'list',
    status: 'supported',
    about: 'virtual addresses to ask for; 0.0.0.0 and :: ask for any',
  },
  aggressive: {
    kind: 'boolean',
    default: 'no',
    status: 'refused',
    because: `${IKEV1}: leave it out`,
    about: 'Aggressive Mode of IKEv1',
  },
  pull: {
    kind: 'boolean',
    default: 'yes',
    status: 'no-effect',
    because: IKEV1,
    about: 'Mode Config of IKEv1',
  },
  dscp: {
    kind: 'text',
    default: '000000',
    status: 'no-effect',
    because: 'IKE packets leave with DSCP 0',
    about: 'DSCP of IKE packets, six binary digits',
  },
  encap: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about: 'forces UDP encapsulation; it is always forced here, since ESP runs in userspace',
  },
  mobike: { kind: 'boolean', default: 'yes', status: 'supported', about: 'MOBIKE' },
  ...ownConnectionKeys,
  dpd_delay: {
    kind: 'time',
    default: '0s',
    status: 'supported',
    about: 'silence after which the peer is asked whether it lives',
  },
  dpd_timeout: {
    kind: 'time',
    default: '0s',
    status: 'supported',
    about:
      'time that an answer may take before the peer is dead; 0 leaves it to the retransmissions (strongSwan: IKEv1 only)',
  },
  fragmentation: {
    kind: 'choice',
    choices: ['yes', 'accept', 'force', 'no', 'true', 'false', '1', '0', 'enabled', 'disabled'],
    default: 'yes',
    status: 'supported',
    about: 'IKE fragmentation: yes, accept, no; force is as yes',
  },
  childless: {
    kind: 'choice',
    choices: ['allow', 'prefer', 'force', 'never'],
    default: 'allow',
    status: 'supported',
    about: 'IKE SAs without a Child SA, as of RFC 6023: allow, prefer, force or never',
  },
  send_certreq: {
    kind: 'boolean',
    default: 'yes',
    status: 'supported',
    about: 'whether certificates are asked for',
  },
  send_cert: {
    kind: 'choice',
    choices: ['always', 'never', 'ifasked', 'always_send', 'send_if_asked', 'never_send'],
    default: 'ifasked',
    status: 'supported',
    about: 'when certificates are sent',
  },
  ppk_id: {
    kind: 'text',
    status: 'supported',
    about:
      'name of the post-quantum pre-shared key, one of secrets.ppk (RFC 8784); a server takes no other for this connection. Absent: a client uses none, a server takes any that it has',
  },
  ppk_required: {
    kind: 'boolean',
    default: 'no',
    status: 'supported',
    about: 'whether there is no session without a post-quantum pre-shared key',
  },
  keyingtries: {
    kind: 'integer',
    default: '1',
    status: 'supported',
    about: 'sequences of retransmissions before an initiator gives up; 0 never does',
  },
  unique: {
    kind: 'choice',
    choices: ['never', 'no', 'keep', 'replace'],
    default: 'no',
    status: 'supported',
    about: 'what happens to other sessions of the same identity',
  },
  reauth_time: {
    kind: 'time',
    default: '0s',
    status: 'supported',
    about: 'time until both sides prove anew who they are; 0 for never',
  },
  rekey_time: {
    kind: 'time',
    default: '4h',
    status: 'supported',
    about: 'time until the IKE SA is rekeyed, 0 for never; never where only reauth_time is given',
  },
  over_time: {
    kind: 'time',
    status: 'supported',
    about:
      'time after that until the IKE SA ends without a replacement; a tenth of the longer when absent',
  },
  rand_time: {
    kind: 'time',
    status: 'supported',
    about:
      'most that is subtracted from both at random; over_time when absent, at most half of the shorter',
  },
  pools: { kind: 'list', status: 'supported', about: 'pools that addresses for peers come from' },
  if_id_in: {
    kind: 'text',
    default: '0',
    status: 'refused',
    because: INTERFACE_ID,
    about: 'XFRM interface id, inbound',
  },
  if_id_out: {
    kind: 'text',
    default: '0',
    status: 'refused',
    because: INTERFACE_ID,
    about: 'XFRM interface id, outbound',
  },
  mediation: {
    kind: 'boolean',
    default: 'no',
    status: 'refused',
    because: MEDIATION,
    about: 'mediation connection',
  },
  mediated_by: {
    kind: 'text',
    status: 'refused',
    because: MEDIATION,
    about: 'connection to mediate through',
  },
  mediation_peer: {
    kind: 'text',
    status: 'refused',
    because: MEDIATION,
    about: 'identity at the mediation server',
  },
};

/** `connections.<conn>`. */
export const connectionSection: SectionRule = {
  path: 'connections.<conn>',
  about: 'one connection: whom we talk to, how each side proves who it is, and what is protected',
  keys: connectionKeys,
  sections: [
    { match: 'prefix', name: 'local', rule: localSection },
    { match: 'prefix', name: 'remote', rule: remoteSection },
    {
      match: 'name',
      name: 'children',
      rule: {
        path: 'connections.<conn>.children',
        about: 'the Child SAs of the connection',
        keys: {},
        sections: [{ match: 'any', name: '<child>', rule: childSection }],
      },
    },
  ],
};

/** `connections`. */
export const connectionsSection: SectionRule = {
  path: 'connections',
  about: 'all connections',
  keys: {},
  sections: [{ match: 'any', name: '<conn>', rule: connectionSection }],
};
