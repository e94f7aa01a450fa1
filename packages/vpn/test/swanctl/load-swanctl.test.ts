import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/index.ts';
import { describeProblem, loadSwanctl, type SwanctlResult } from '../../src/swanctl/index.ts';
import { memoryFiles } from './memory-files.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

function load(config: string, settings?: string): SwanctlResult {
  const files = memoryFiles({ '/c.conf': config, '/s.conf': settings ?? '' });
  const settingsFile = settings === undefined ? {} : { settingsFile: '/s.conf' };
  return loadSwanctl({ configFile: '/c.conf', files, ...settingsFile });
}

function errors(result: SwanctlResult): string[] {
  return result.ok ? [] : result.errors.map(({ message }) => message);
}

function warnings(result: SwanctlResult): string[] {
  return result.warnings.map(describeProblem);
}

/** A whole configuration with lines in some of its sections. */
function config(parts: {
  conn?: string;
  local?: string;
  remote?: string;
  child?: string;
  rest?: string;
}): string {
  return [
    'connections { home {',
    parts.conn ?? '',
    `local { auth = psk\n${parts.local ?? ''}\n}`,
    `remote { auth = psk\n${parts.remote ?? ''}\n}`,
    `children { net {\n${parts.child ?? ''}\n} }`,
    '} }',
    'secrets { ike { secret = x\n } }',
    parts.rest ?? '',
  ].join('\n');
}

describe('files that people have', () => {
  it('reads a client', () => {
    const result = loadSwanctl({ configFile: fixture('client.swanctl.conf') });
    expect(result).toMatchObject({ ok: true, warnings: [] });
    expect(result.ok && result.value.options).toEqual({
      connections: {
        home: {
          remoteAddrs: ['10.99.0.2'],
          vips: ['0.0.0.0'],
          encap: true,
          proposals: ['aes256-sha256-x25519'],
          local: { auth: 'psk', id: 'client' },
          remote: { auth: 'psk', id: 'server' },
          children: { net: { remoteTs: ['10.77.0.0/16'], espProposals: ['aes256gcm16'] } },
        },
      },
      secrets: [{ secret: 'topsecret' }],
      pools: {},
    });
  });

  it('reads a server', () => {
    const result = loadSwanctl({ configFile: fixture('server.swanctl.conf') });
    expect(result).toMatchObject({ ok: true, warnings: [] });
    expect(result.ok && result.value.options.pools).toEqual({ p: { addrs: '10.88.0.0/24' } });
    expect(result.ok && compileOptions(result.value.options).ok).toBe(true);
  });

  it('reads files from the disk, with includes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'swanctl-'));
    try {
      mkdirSync(join(directory, 'conf.d', 'old.conf'), { recursive: true });
      writeFileSync(
        join(directory, 'main.conf'),
        'include conf.d/*.conf\nsecrets { include psk* }\n',
      );
      writeFileSync(join(directory, 'conf.d', 'a.conf'), config({}).replace(/secrets .*\n.*/, ''));
      writeFileSync(join(directory, 'conf.d', '.hidden.conf'), 'broken {');
      writeFileSync(join(directory, 'conf.d', 'b.txt'), 'broken {');
      writeFileSync(join(directory, 'psk.inc'), 'ike-1 { secret = "y" }\n');
      const result = loadSwanctl({ configFile: join(directory, 'main.conf') });
      expect(errors(result)).toEqual([]);
      expect(result.ok && result.value.options.secrets).toEqual([{ secret: 'y' }]);
      expect(errors(loadSwanctl({ configFile: directory }))).toEqual([
        `cannot read ${directory}: it is a directory`,
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('says why an include cannot be read, whatever its name', () => {
    const directory = mkdtempSync(join(tmpdir(), 'swanctl-'));
    try {
      const file = join(directory, 'main.conf');
      writeFileSync(file, `include ${directory}\ninclude a\0b\ninclude ${'x'.repeat(300)}\n`);
      expect(errors(loadSwanctl({ configFile: file }))).toEqual([
        `${file}:1:9: cannot read ${directory}: it is a directory`,
        `${file}:2:9: cannot read ${directory}/a\0b: ERR_INVALID_ARG_VALUE`,
        `${file}:3:9: cannot read ${directory}/${'x'.repeat(300)}: ENAMETOOLONG`,
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('reads templates at the top, whatever their names', () => {
    const result = load(`
conn-defaults { mobike = no
  local { auth = psk } }
templates { child { esp_proposals = aes256gcm16 } }
connections { home : conn-defaults { remote { auth = psk }
  children { net : templates.child { } } } }
secrets { ike { secret = x
 } }`);
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.connections.home).toMatchObject({
      mobike: false,
      children: { net: { espProposals: ['aes256gcm16'] } },
    });
  });

  it('takes values in every spelling', () => {
    const child =
      'life_time = 5 M\nlife_bytes = 4k\nlife_packets = 0x10\nreplay_window = 0\nstart_action = START\nmode = Transport\nrekey_time = 4m\nrand_time = 5\nrekey_bytes = 2k\nrekey_packets = 8\nrand_bytes = 64\nrand_packets = 0\ndpd_action = Restart\nclose_action = clear';
    const conn =
      'dpd_delay = 30\nmobike = Disabled\nfragmentation = false\nunique = KEEP\nchildless = Prefer\ndpd_timeout = 1m\nrekey_time = 2h\nreauth_time = 1d\nover_time = 10m\nrand_time = 300\nremote_addrs = a.example.org, ,%any,';
    const result = load(config({ child, conn }));
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.connections.home).toMatchObject({
      dpdDelayMs: 30_000,
      mobike: false,
      fragmentation: 'no',
      unique: 'keep',
      childless: 'prefer',
      dpdTimeoutMs: 60_000,
      rekeyTimeMs: 7_200_000,
      reauthTimeMs: 86_400_000,
      overTimeMs: 600_000,
      randTimeMs: 300_000,
      remoteAddrs: ['a.example.org', '%any'],
      children: {
        net: {
          rekeyTimeMs: 240_000,
          lifeTimeMs: 300_000,
          randTimeMs: 5000,
          rekeyBytes: 2048,
          lifeBytes: 4096,
          randBytes: 64,
          rekeyPackets: 8,
          lifePackets: 16,
          randPackets: 0,
          replayWindow: 0,
          mode: 'transport',
          startAction: 'start',
          dpdAction: 'start',
          closeAction: 'none',
        },
      },
    });
  });

  it.each([
    ['tfc_padding = 1200', { tfcPadding: 1200 }],
    ['tfc_padding = MTU', { tfcPadding: 'mtu' }],
    ['tfc_padding = 0', { tfcPadding: 0 }],
    ['copy_dscp = out\ncopy_ecn = yes\ncopy_df = yes', { copyDscp: true }],
    ['copy_dscp = no', { copyDscp: false }],
    ['copy_dscp = 0', { copyDscp: false }],
    ['esp_proposals = aes128gcm16-esn', { espProposals: ['aes128gcm16-esn'] }],
  ])('takes %s without a word', (child, expected) => {
    const result = load(config({ child }));
    expect(errors(result)).toEqual([]);
    expect(warnings(result)).toEqual([]);
    expect(result.ok && result.value.options.connections.home).toMatchObject({
      children: { net: expected },
    });
  });

  it.each([
    ['copy_dscp = in', 'copy_dscp has no effect: into packets that come in it is never copied'],
    ['copy_dscp = yes', 'copy_dscp has no effect: into packets that come in it is never copied'],
    ['copy_ecn = no', 'copy_ecn has no effect: the ECN field always goes out'],
    ['copy_df = no', 'copy_df has no effect: outer packets always carry DF'],
  ])('warns of %s', (child, sentence) => {
    expect(warnings(load(config({ child })))).toEqual([expect.stringContaining(sentence)]);
  });

  it('refuses padding that is no size', () => {
    expect(errors(load(config({ child: 'tfc_padding = much' })))).toEqual([
      expect.stringContaining('expected a size from 0 to 65535 bytes, or mtu'),
    ]);
  });

  it('takes text, hexadecimal and Base64 as secrets', () => {
    const rest = `secrets {
 ike-1 { secret = a b
 id-1 = x
 id = y@example.org }
 ike-2 { secret = 0x12:34F }
 ike-3 { secret = 0s3q2+7w== } }`;
    const result = load(config({ rest }));
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.secrets).toEqual([
      { secret: 'x' },
      { secret: 'a b', ids: ['x', 'y@example.org'] },
      { secret: Uint8Array.of(0x01, 0x23, 0x4f) },
      { secret: Uint8Array.of(0xde, 0xad, 0xbe, 0xef) },
    ]);
  });

  it('takes attributes of pools', () => {
    const rest =
      'pools { p { addrs = 10.9.0.0/24\n dns = 10.0.0.1, ::1\n subnet = 10.0.0.0/8\n 25 = example.org\n } }';
    const result = load(config({ rest, conn: 'pools = p' }));
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.pools?.p).toEqual({
      addrs: '10.9.0.0/24',
      dns: ['10.0.0.1', '::1'],
      subnet: ['10.0.0.0/8'],
      attributes: [{ type: 25, value: 'example.org' }],
    });
  });

  it('goes back to the default after an empty assignment', () => {
    const result = load(config({ conn: 'aggressive =\nproposals =\nversion = 1\nversion =' }));
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.connections.home).not.toHaveProperty('proposals');
  });
});

describe('settings', () => {
  it('reads charon, and charon-systemd before it', () => {
    const result = load(
      config({}),
      `charon { port = 1500
 keep_alive = 1m
 retransmit_timeout = 0.5
 retransmit_base = 1.5
 half_open_timeout = 10s
 fragment_size = 300
 replay_window = 64 }
charon-systemd { port = 2500
 journal { default = 1 } }
pki { load = x }
charon { keep_alive_dpd_margin = 5 }`,
    );
    expect(errors(result)).toEqual([]);
    expect(result.ok && result.value.options.settings).toEqual({
      port: 2500,
      keepAliveMs: 60_000,
      keepAliveDpdMarginMs: 5000,
      retransmitTimeoutMs: 500,
      retransmitBase: 1.5,
      halfOpenTimeoutMs: 10_000,
      fragmentSize: 300,
    });
    expect(result.ok && result.value.options.connections.home?.children.net?.replayWindow).toBe(64);
    expect(warnings(result)).toEqual([
      '/s.conf:9:2: charon-systemd.journal: the section "journal" has no effect: the command has a log of its own: see --json',
    ]);
  });

  it.each<[string, string]>([
    [
      'charon { keep_alife = 5 }',
      '/s.conf:1:10: charon.keep_alife: there is no key "keep_alife" here; did you mean "keep_alive"?',
    ],
    [
      'charon { plugin { } }',
      '/s.conf:1:10: charon.plugin: there is no section "plugin" here; did you mean "plugins"?',
    ],
    [
      'charom { port = 5 }',
      '/s.conf:1:1: charom: there is no section "charom" here; did you mean "charon"?',
    ],
    ['port = 5', '/s.conf:1:1: port: there is no key "port" here; did you mean "pool"?'],
    ['charon { port = high }', '/s.conf:1:17: charon.port: expected a whole number, got "high"'],
    [
      'charon { port = 70000 }',
      '/s.conf:1:17: charon.port: expected a whole number from 0 to 65535, got 70000',
    ],
    [
      'charon { port_nat_t = 500 }',
      '/s.conf:1:23: charon.port_nat_t: expected another port than 500, which is the one for IKE without NAT',
    ],
    [
      'charon { retransmit_base = 0.5 }',
      '/s.conf:1:28: charon.retransmit_base: expected a number from 1 to 100, got 0.5',
    ],
    [
      'charon { fragment_size = 100 }',
      '/s.conf:1:26: charon.fragment_size: expected 0 or a whole number from 256 to 65535, got 100',
    ],
    [
      'charon { keep_alive = 2d }',
      '/s.conf:1:23: charon.keep_alive: expected 0 s to 86400 s, got 172800 s',
    ],
    [
      'charon { half_open_timeout = 0 }',
      '/s.conf:1:30: charon.half_open_timeout: peers would have 0 s from IKE_SA_INIT to IKE_AUTH, and 1 s is the least: raise it, or leave it out for 30 s',
    ],
    [
      'charon { initiator_only = yes }',
      '/s.conf:1:27: charon.initiator_only: initiator_only = yes is not supported: a server answers whoever has a connection: leave it out, and use connect',
    ],
    [
      'charon { start-scripts { a = /bin/b\n} }',
      '/s.conf:1:10: charon.start-scripts: the section "start-scripts" is not supported: scripts are not run, and what they do would be missing: run them yourself',
    ],
    [
      'charon { dns1 = 10.0.0.1 }',
      '/s.conf:1:17: charon.dns1: dns1 = 10.0.0.1 is not supported: servers for peers are set per pool: write it in the pool, as in pools { p { dns = 10.0.0.1 } }',
    ],
  ])('refuses %s', (text, expected) => {
    expect(errors(load(config({}), text))).toEqual([expected]);
  });
});

describe('what is refused, with its place', () => {
  type Parts = Parameters<typeof config>[0];
  it.each<[Parts, string[]]>([
    [
      { conn: 'propsals = aes256' },
      [
        '/c.conf:2:1: connections.home.propsals: there is no key "propsals" here; did you mean "proposals"?',
      ],
    ],
    [
      { conn: 'remote_adrs = 1.2.3.4' },
      [
        '/c.conf:2:1: connections.home.remote_adrs: there is no key "remote_adrs" here; did you mean "remote_addrs"?',
      ],
    ],
    [
      { conn: 'childs { }' },
      [
        '/c.conf:2:1: connections.home.childs: there is no section "childs" here; did you mean "children"?',
      ],
    ],
    [
      { conn: 'lokal { }' },
      [
        '/c.conf:2:1: connections.home.lokal: there is no section "lokal" here; did you mean "local"?',
      ],
    ],
    [
      { conn: 'children = x' },
      ['/c.conf:2:1: connections.home.children: "children" is a section: write children { ... }'],
    ],
    [
      { conn: 'mobike { }' },
      ['/c.conf:2:1: connections.home.mobike: "mobike" is a key: write mobike = ...'],
    ],
    [
      { conn: 'encap = maybe' },
      ['/c.conf:2:9: connections.home.encap: expected yes or no, got "maybe"'],
    ],
    [
      { conn: 'dpd_delay = 5x' },
      [
        '/c.conf:2:13: connections.home.dpd_delay: expected a time such as 30, 30s, 5m, 2h or 1d, got "5x"',
      ],
    ],
    [
      { conn: 'dpd_delay = 1.5h' },
      [
        '/c.conf:2:13: connections.home.dpd_delay: expected a time such as 30, 30s, 5m, 2h or 1d, got "1.5h"',
      ],
    ],
    [
      { conn: 'dpd_delay = -5' },
      [
        '/c.conf:2:13: connections.home.dpd_delay: expected a time such as 30, 30s, 5m, 2h or 1d, got "-5"',
      ],
    ],
    [
      { conn: 'keyingtries = %forever' },
      ['/c.conf:2:15: connections.home.keyingtries: expected a whole number, got "%forever"'],
    ],
    [
      { conn: 'unique = foo' },
      ['/c.conf:2:10: connections.home.unique: expected never, no, keep or replace, got "foo"'],
    ],
    [
      { conn: 'version = 1' },
      [
        '/c.conf:2:11: connections.home.version: version = 1 is not supported: only IKEv2 is spoken: write version = 2, or leave it out',
      ],
    ],
    [
      { conn: 'ppk_required = yes' },
      [
        '/c.conf:2:16: connections.home.ppk_required: a post-quantum pre-shared key is required, and there is none: add one to the secrets, as ppk { id = ... secret = ... }',
      ],
    ],
    [
      { conn: 'ppk_id = carol' },
      [
        '/c.conf:2:10: connections.home.ppk_id: there is no post-quantum pre-shared key with the name "carol": add it to the secrets, as ppk { id = ... secret = ... }',
      ],
    ],
    [
      { conn: 'vips = foo' },
      [
        '/c.conf:2:8: connections.home.vips: expected an address, or "0.0.0.0" or "::" for any, got "foo"',
      ],
    ],
    [
      { conn: 'remote_addrs = a..b, 10.0.0.999' },
      [
        '/c.conf:2:16: connections.home.remote_addrs: expected an address, a prefix, a range, a host name or %any, got "a..b"',
        '/c.conf:2:16: connections.home.remote_addrs: expected an address, a prefix, a range, a host name or %any, got "10.0.0.999"',
      ],
    ],
    [
      { conn: 'remote_port = 70000' },
      [
        '/c.conf:2:15: connections.home.remote_port: expected a whole number from 1 to 65535, got 70000',
      ],
    ],
    [
      { conn: 'pools = p', rest: 'pools { q { addrs = 10.0.0.0/24\n } }' },
      ['/c.conf:2:9: connections.home.pools: there is no pool "p"; did you mean "q"?'],
    ],
    [
      { conn: 'local-2 { auth = psk\n }' },
      [
        '/c.conf:4:1: connections.home.local: several rounds of authentication are not supported: keep one section "local"',
      ],
    ],
    [
      { local: 'certs = a.pem' },
      [
        '/c.conf:4:9: connections.home.local.certs: cannot read /x509/a.pem: there is no such file; put it into the directory x509 beside c.conf, or write its whole path',
      ],
    ],
    [
      { local: 'auth = eap-sim' },
      [
        '/c.conf:4:8: connections.home.local.auth: expected psk, pubkey, rsa, ecdsa, ed25519, ed448, one with sizes and hashes as ecdsa-256-sha256, eap-tls, eap-ttls, eap-mschapv2, eap-gtc, eap-md5, eap, or of a peer eap-radius, got "eap-sim"',
      ],
    ],
    [
      { remote: 'ttls_cert = yes' },
      [
        '/c.conf:7:13: connections.home.remote.ttls_cert: a certificate inside of TTLS goes with auth = eap-ttls',
      ],
    ],
    [
      { local: 'cert { file = x\n }' },
      [
        '/c.conf:4:1: connections.home.local.cert: the section "cert" is not supported: certificates on tokens are not there yet: use certs with a file',
      ],
    ],
    [
      { local: 'auth =' },
      [
        '/c.conf:3:1: connections.home.local.certs: there is no certificate that says who this side is: write certs, or the id that one of the keys and certificates is for',
      ],
    ],
    [
      { child: 'mode = beet' },
      [
        '/c.conf:10:8: connections.home.children.net.mode: mode = beet is not supported: only these two are there: write mode = tunnel or mode = transport',
      ],
    ],
    [
      { child: 'start_action = trap' },
      [
        '/c.conf:10:16: connections.home.children.net.start_action: traffic can open a tunnel only to a peer whose address is known: set remote_addrs to its address or name',
      ],
    ],
    [
      { conn: 'remote_addrs = 192.0.2.1\nvips = 0.0.0.0', child: 'start_action = trap' },
      [
        '/c.conf:11:16: connections.home.children.net.start_action: traffic cannot open the tunnel that gives it its address: ask for a certain address in vips, leave vips out, or write start',
      ],
    ],
    [
      { child: 'start_action = trap|start' },
      [
        '/c.conf:10:16: connections.home.children.net.start_action: start_action = trap|start is not supported: write trap or start',
      ],
    ],
    [
      { child: 'rekey_time = 1h\nlife_time = 30m' },
      [
        '/c.conf:10:14: connections.home.children.net.rekey_time: the Child SA would end at 1800 s, before it is replaced at 3600 s: the limit for rekeying must be below the one for the end',
      ],
    ],
    [
      { child: 'close_action = trap' },
      [
        '/c.conf:10:16: connections.home.children.net.close_action: traffic can open a tunnel only to a peer whose address is known: set remote_addrs to its address or name',
      ],
    ],
    [
      { child: 'dpd_action = trap' },
      [
        '/c.conf:10:14: connections.home.children.net.dpd_action: traffic can open a tunnel only to a peer whose address is known: set remote_addrs to its address or name',
      ],
    ],
    [
      { child: 'mark_in = 42' },
      [
        '/c.conf:10:11: connections.home.children.net.mark_in: mark_in = 42 is not supported: netfilter marks are not set or matched: traffic would take another way than the marks say',
      ],
    ],
    [
      { child: 'updown = /x' },
      [
        '/c.conf:10:10: connections.home.children.net.updown: updown = /x is not supported: scripts are not run, and what they do to routes or the firewall would be missing: leave it out, and use the events of the command instead',
      ],
    ],
    [
      { child: 'esp_proposals = aes256gcm16, aes257-sha256' },
      [
        '/c.conf:10:17: connections.home.children.net.esp_proposals: there is no algorithm "aes257" in "aes257-sha256"; did you mean "aes256"?',
      ],
    ],
    [
      { child: 'local_ts = 10.0.0.0/8[foo]' },
      [
        '/c.conf:10:12: connections.home.children.net.local_ts: expected dynamic, an address, a prefix or a range, with an optional [protocol/port], such as "10.0.0.0/8", "10.1.0.1-10.1.0.20", "10.0.0.0/8[tcp/80]" or "dynamic[icmp]", got "10.0.0.0/8[foo]"',
      ],
    ],
    [
      { rest: 'poools { }' },
      ['/c.conf:15:1: poools: there is no section "poools" here; did you mean "pools"?'],
    ],
    [
      { rest: 'secrets { ipsec { secret = a\n } }' },
      ['/c.conf:15:11: secrets.ipsec: there is no section "ipsec" here; did you mean "ike"?'],
    ],
    [
      { rest: 'pools { p { adrs = 10.0.0.0/24\n } }' },
      ['/c.conf:15:13: pools.p.adrs: there is no key "adrs" here; did you mean "addrs"?'],
    ],
    [
      { rest: 'pools { p { dns = 10.0.0.1\n } }' },
      [
        '/c.conf:15:9: pools.p.addrs: a pool needs addresses: a prefix such as "10.88.0.0/24" or a range',
      ],
    ],
    [
      { rest: 'authorities { a { cacerts = x\n } }' },
      [
        '/c.conf:15:19: authorities.a.cacerts: there is no key "cacerts" here; did you mean "cacert"?',
      ],
    ],
  ])('%o', (parts, expected) => {
    expect(errors(load(config(parts)))).toEqual(expected);
  });

  it('says that the configuration is empty', () => {
    expect(errors(load(''))).toEqual(['/c.conf:1:1: connections: there is no connection']);
  });

  it('says that a side, children and secrets are missing', () => {
    const result = load('connections { home { local { auth = psk\n } } }');
    expect(errors(result)).toEqual([
      '/c.conf:1:15: connections.home.remote: the section "remote" is missing: write remote { auth = psk } or remote { auth = pubkey }',
    ]);
    expect(
      errors(load('connections { a { local { auth = psk\n }\n remote { auth = psk\n } } }')),
    ).toEqual([
      '/c.conf:1:15: connections.a.children: a connection needs at least one child: it says which traffic is protected',
      '/c.conf:1:1: secrets: there is no pre-shared key: connections with auth = psk use one, so at least one secret is needed',
    ]);
  });

  it('finds all mistakes of a file at once, and keeps the list short', () => {
    const result = load(
      config({ conn: 'encap = maybe\nfoo = 1\nproposals = aes256', child: 'mode = beet' }),
    );
    expect(result.ok ? [] : result.errors.map(({ code, path }) => [code, path])).toEqual([
      ['invalid-value', 'connections.home.encap'],
      ['unknown-key', 'connections.home.foo'],
      ['not-supported', 'connections.home.children.net.mode'],
      ['invalid-value', 'connections.home.proposals'],
    ]);
    const many = Array.from({ length: 500 }, (_, i) => `x${i} = 1`).join('\n');
    const long = errors(load(config({ conn: many })));
    expect(long).toHaveLength(101);
    expect(long.at(-1)).toBe('more than 100 problems; the rest is not listed');
  });

  it.each<[string, (index: number) => string]>([
    ['unknown sections', (index) => `s${index} { }`],
    ['unknown keys', (index) => `k${index} = 1`],
    ['templates', (index) => `t${index} { }\nu${index} : t${index} { }`],
    ['references to nothing', (index) => `u${index} : nothing${index} { }`],
  ])('does not take long for many %s', (_, line) => {
    const text = Array.from({ length: 30_000 }, (_, index) => line(index)).join('\n');
    const start = process.hrtime.bigint();
    expect(errors(load(text))).toHaveLength(101);
    // Quadratic time would take minutes.
    expect(Number(process.hrtime.bigint() - start) / 1e9).toBeLessThan(10);
  });

  it('points at the file of an include', () => {
    const files = memoryFiles({
      '/c.conf': 'include x.conf',
      '/x.conf': config({ conn: 'foo = 1' }),
    });
    expect(errors(loadSwanctl({ configFile: '/c.conf', files }))).toEqual([
      '/x.conf:2:1: connections.home.foo: there is no key "foo" here; did you mean "pools"?',
    ]);
  });
});

describe('what has no effect', () => {
  it.each<[Parameters<typeof config>[0], string[]]>([
    [{ conn: 'send_certreq = no\nsend_cert = never' }, []],
    [{ conn: 'rekey_time = 1h\nreauth_time = 3h' }, []],
    [{ conn: 'rekey_time = 0' }, []],
    [{ conn: 'rekey_time = 240m' }, []],
    [{ conn: 'aggressive = false' }, []],
    [{ child: 'dpd_action = restart\nclose_action = start' }, []],
    [{ child: 'life_time = 1h' }, []],
    [{ child: 'rand_bytes = 5' }, []],
    [{ child: 'mark_in = 0/0x00000000' }, []],
    [{ child: 'hw_offload = auto' }, []],
    [
      { rest: 'authorities { a { cert_uri_base = http://pki.example.org/ } }' },
      [
        '/c.conf:15:35: authorities.a.cert_uri_base: cert_uri_base has no effect: certificates are sent as they are, never by hash and URL',
      ],
    ],
    [
      { rest: 'secrets { xauth-bob { secret = hidden\n id = bob } }' },
      [
        '/c.conf:15:11: secrets.xauth-bob: the section "xauth-bob" has no effect: only pre-shared keys (ike, ppk), EAP passwords (eap) and private keys are used so far; this one is left alone',
      ],
    ],
  ])('%o', (parts, expected) => {
    const result = load(config(parts));
    expect(errors(result)).toEqual([]);
    expect(warnings(result)).toEqual(expected);
  });
});

describe('a file that is no configuration', () => {
  it.each([
    '-----BEGIN EC PRIVATE KEY-----\nMHcC\n',
    '0\ufffd\u0001\ufffd',
    '\n-----BEGIN CERTIFICATE-----\n',
  ])('is named as what it is, in one sentence', (text) => {
    expect(errors(load(text))).toEqual([
      expect.stringMatching(/c\.conf is a key or a certificate, and no configuration/),
    ]);
  });

  it('tells a terminal nothing but letters', () => {
    const [error] = errors(load('a\u001b[2Jb { x = 1 }'));
    expect(error).toMatch(/\ufffd/);
    expect(error).not.toContain('\u001b');
  });
});

describe('secrets stay secret', () => {
  it.each([
    'secrets { ike { secret topsecret\n } }',
    'secrets { ike { secret = a\n topsecret\n } }',
    'secrets { ike { secret = a\n topsecret == \n } }',
    'secrets { ike { secret = 0xtopsecret\n } }',
    'secrets { ike { secret = 0stop secret topsecret\n } }',
    'secrets { ike { secrett = topsecret\n } }',
    'secrets { ike { secret = "topsecret\n } }',
    'secrets { ike { secret = topsecret } } }',
    'secrets { ike = topsecret\n }',
    'secrets { ike { id = anna secret = topsecret\n } }',
    'secrets { private { file = a.pem secret = "topsecret"\n } }',
    'secrets { private { file = a.pem et = topsecret\n } }',
    'secrets { token { handle = 1 pin = topsecret\n } }',
    'secret : topsecret, topsecret topsecret { }',
  ])('in the messages about %s', (rest) => {
    const result = load(config({ rest }));
    expect(errors(result)).not.toEqual([]);
    for (const line of [...errors(result), ...warnings(result)])
      expect(line).not.toContain('topsecret');
    expect(JSON.stringify(result)).not.toContain('topsecret');
  });
});

describe('any configuration', () => {
  const line = fc.tuple(
    fc.constantFrom(
      'encap',
      'version',
      'proposals',
      'vips',
      'local_ts',
      'mode',
      'auth',
      'id',
      'addrs',
      'secret',
      'foo',
      '__proto__',
      'constructor',
      '25',
    ),
    fc.constantFrom(
      'yes',
      'aes256-sha256-x25519',
      '10.0.0.0/8',
      '',
      '""',
      'psk',
      '%any',
      'dynamic[constructor]',
      '0xff',
      '-1',
      '1h',
    ),
  );
  const body = fc
    .array(line, { maxLength: 4 })
    .map((lines) => lines.map(([key, value]) => `${key} = ${value}\n`).join(''));
  const names = fc.constantFrom(
    'connections',
    'home',
    'local',
    'remote',
    'children',
    'net',
    'secrets',
    'ike',
    'pools',
    '__proto__',
    'toString',
  );
  const { section } = fc.letrec<{ section: string }>((tie) => ({
    section: fc
      .tuple(names, body, fc.oneof({ maxDepth: 4 }, fc.constant(''), tie('section')))
      .map(([name, inside, inner]) => `${name} {\n${inside}${inner}\n}\n`),
  }));

  it('never throws, and names the place of every mistake', () => {
    fc.assert(
      fc.property(fc.array(section, { maxLength: 4 }), (sections) => {
        const result = load(sections.join(''), sections.join(''));
        for (const error of errors(result)) expect(error).toMatch(/^\/[cs]\.conf:\d+:\d+: /);
      }),
      { numRuns: 300 },
    );
  });
});
