import type { SectionRule, SubsectionRule } from '../schema.ts';
import { charonKeys } from './charon-keys.ts';
import { radiusSection } from './radius-keys.ts';
import { ttlsSection } from './ttls-keys.ts';

function ignored(name: string, about: string, because: string): SubsectionRule {
  const path = `charon.${name}`;
  const status = 'no-effect';
  return { match: 'name', name, rule: { path, about, status, because, keys: {}, opaque: true } };
}

function scripts(name: string): SubsectionRule {
  return {
    match: 'name',
    name,
    rule: {
      path: `charon.${name}`,
      about: 'scripts to run',
      status: 'refused',
      because: 'scripts are not run, and what they do would be missing: run them yourself',
      keys: {},
      opaque: true,
    },
  };
}

const LOGS = 'the command has a log of its own: see --json';

const charon: SectionRule = {
  path: 'charon',
  about: 'settings of all connections together; charon-systemd goes before charon',
  keys: charonKeys,
  sections: [
    {
      match: 'name',
      name: 'plugins',
      rule: {
        path: 'charon.plugins',
        about: 'plugins',
        keys: {},
        sections: [
          { match: 'name', name: 'eap-radius', rule: radiusSection },
          { match: 'name', name: 'eap-ttls', rule: ttlsSection },
          {
            match: 'any',
            name: '<plugin>',
            rule: {
              path: 'charon.plugins.<plugin>',
              about: 'another plugin',
              status: 'no-effect',
              because: 'there are no plugins',
              keys: {},
              opaque: true,
            },
          },
        ],
      },
    },
    ignored('filelog', 'logs in files', LOGS),
    ignored('syslog', 'logs in the system', LOGS),
    ignored('journal', 'logs in the journal', LOGS),
    ignored('crypto_test', 'self-tests', 'algorithms are tested when the software is built'),
    ignored('host_resolver', 'threads that resolve names', 'there are no threads to set'),
    ignored('imcv', 'integrity measurement', 'integrity is not measured'),
    ignored('leak_detective', 'memory leaks', 'it is about the inner workings of charon'),
    ignored('processor', 'threads', 'there are no threads to set'),
    ignored('tls', 'TLS', 'TLS inside EAP is that of Node'),
    ignored('tnc', 'trusted network connect', 'it is not there'),
    ignored(
      'x509',
      'certificates',
      'their rules are those of RFC 5280 and RFC 4945, without exceptions',
    ),
    scripts('start-scripts'),
    scripts('stop-scripts'),
  ],
};

/** Programs of strongSwan that share strongswan.conf; what they are told is no business of a tunnel. */
export const otherPrograms: readonly string[] = [
  'aikgen',
  'attest',
  'charon-cmd',
  'charon-nm',
  'charon-svc',
  'charon-tkm',
  'imv_policy_manager',
  'libimcv',
  'libstrongswan',
  'libtls',
  'libtnccs',
  'manager',
  'medcli',
  'medsrv',
  'pacman',
  'pki',
  'pool',
  'pt-tls-client',
  'scepclient',
  'sec-updater',
  'starter',
  'sw-collector',
  'swanctl',
];

function other(name: string): SubsectionRule {
  return {
    match: 'name',
    name,
    rule: { path: name, about: 'another program of strongSwan', keys: {}, opaque: true },
  };
}

/** A whole strongswan.conf. */
export const settingsRoot: SectionRule = {
  path: '',
  about: 'strongswan.conf',
  keys: {},
  sections: [
    { match: 'name', name: 'charon', rule: charon },
    { match: 'name', name: 'charon-systemd', rule: { ...charon, path: 'charon-systemd' } },
    ...otherPrograms.map(other),
  ],
};
