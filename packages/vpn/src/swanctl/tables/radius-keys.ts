import type { KeyTable, SectionRule } from '../schema.ts';

const ACCOUNTING = 'accounting is not there yet';
const GROUPS = 'groups cannot be checked yet: every user of the RADIUS server would be let in';

const server: KeyTable = {
  secret: { kind: 'secret', status: 'supported', about: 'the secret shared with the server' },
  port: { kind: 'integer', default: '1812', status: 'supported', about: 'its UDP port' },
  auth_port: { kind: 'integer', default: '1812', status: 'supported', about: 'the same' },
  nas_identifier: {
    kind: 'text',
    default: 'ipsec-kit',
    status: 'supported',
    about: 'what this gateway calls itself',
  },
  retransmit_timeout: {
    kind: 'fine-time',
    default: '1.0',
    status: 'supported',
    about: 'time until a request is sent again; doubled each time',
  },
  retransmit_tries: {
    kind: 'integer',
    default: '3',
    status: 'supported',
    about: 'how often a server is asked',
  },
  retransmit_base: {
    kind: 'number',
    default: '2',
    status: 'no-effect',
    because: 'the time is doubled each time',
    about: 'factor between retransmissions',
  },
  sockets: {
    kind: 'integer',
    default: '1',
    status: 'no-effect',
    because: 'one socket carries 256 requests',
    about: 'sockets to the server',
  },
  acct_port: {
    kind: 'integer',
    default: '1813',
    status: 'no-effect',
    because: ACCOUNTING,
    about: 'its UDP port for accounting',
  },
  preference: {
    kind: 'integer',
    default: '0',
    status: 'no-effect',
    because: 'servers are asked in their order',
    about: 'which server is asked first',
  },
};

/** Keys of one server that are said for all of them. */
const COMMON = new Set(['nas_identifier', 'retransmit_timeout', 'retransmit_tries']);
const ofOne: KeyTable = Object.fromEntries(
  Object.entries(server).map(([key, rule]) =>
    COMMON.has(key)
      ? [key, { ...rule, status: 'no-effect' as const, because: 'write it for all servers' }]
      : [key, rule],
  ),
);

/** `charon.plugins.eap-radius`: RADIUS servers, as strongswan.conf(5) has them. */
export const radiusSection: SectionRule = {
  path: 'charon.plugins.eap-radius',
  about: 'RADIUS servers, for remote { auth = eap-radius }',
  keys: {
    ...server,
    server: { kind: 'text', status: 'supported', about: 'IP address of the only server' },
    accounting: {
      kind: 'boolean',
      default: 'no',
      status: 'refused',
      because: ACCOUNTING,
      about: 'whether sessions are told to the server',
    },
    class_group: {
      kind: 'boolean',
      default: 'no',
      status: 'refused',
      because: GROUPS,
      about: 'whether Class is a group',
    },
    filter_id: {
      kind: 'boolean',
      default: 'no',
      status: 'refused',
      because: GROUPS,
      about: 'whether Filter-Id is a group',
    },
    eap_start: {
      kind: 'boolean',
      default: 'no',
      status: 'no-effect',
      because: 'the peer is always asked for its name here',
      about: 'whether the server asks for the name',
    },
    id_prefix: {
      kind: 'text',
      status: 'refused',
      because: 'names are sent as they are',
      about: 'prefix of names',
    },
    load: {
      kind: 'text',
      status: 'no-effect',
      because: 'there are no plugins',
      about: 'whether it is loaded',
    },
  },
  sections: [
    {
      match: 'name',
      name: 'servers',
      rule: {
        path: 'charon.plugins.eap-radius.servers',
        about: 'RADIUS servers, in the order in which they are asked',
        keys: {},
        sections: [
          {
            match: 'any',
            name: '<server>',
            rule: {
              path: 'charon.plugins.eap-radius.servers.<server>',
              about: 'one of them',
              keys: {
                address: { kind: 'text', status: 'supported', about: 'its IP address' },
                ...ofOne,
              },
            },
          },
        ],
      },
    },
  ],
};
