import type { SecretWorld } from './secret-world.ts';

/** Commands that talk to a running process: the rows with tunnels run them, see interop/secrets.test.ts. */
export const LIVE_COMMANDS = [
  'status',
  'monitor',
  'disconnect',
  'revalidate',
  'rekey',
  'reauth',
  'initiate',
  'terminate',
  'move',
] as const;

/** What is run of each command that works on files: things that go well, and every mistake that brings a secret near a sentence. */
export function offlineRows(world: SecretWorld): Readonly<Record<string, readonly string[][]>> {
  const { path, password, config, settings } = world;
  const caPassword = password('password of the CA');
  const wrong = password('wrong password');
  const p12Password = world.file('p12-password', `${asciiSecret(world)}\n`);
  const dir = path('pki');
  const withCa = ['--dir', dir, '--ca-password-file', caPassword];
  const p12 = ['--p12', path('alice.p12'), '--password-file', p12Password];
  // Files that are something else than what they are taken for.
  const strays = ['private/ec.pem', 'ecdsa/ec.pem', 'rsa/locked.pem', 'pkcs8/rsa.der', 'cut.pem'];
  const stray = [...strays.map(path), settings, wrong, p12Password];
  const broken = brokenConfigurations(world);
  const connections = ['home', 'office'];
  // No tunnel is opened here: the control socket cannot be where a file is.
  const closed = ['--control', config, '--keylog', path('keys')];
  return {
    'pki ca': [
      ['--dir', dir, '--name', 'Home CA', '--encrypt', '--ca-password-file', caPassword],
      ['--dir', dir, '--name', 'Home CA', '--ca-password-file', caPassword],
      ['--dir', path('x'), '--name', 'x', '--ca-password-file', path('private')],
      ['--dir', path('x'), '--name', 'x', '--encrypt'],
    ],
    'pki server': [
      [...withCa, '--name', 'vpn.example.org'],
      ['--dir', dir, '--name', 'b.example.org'],
      ['--dir', dir, '--name', 'b.example.org', '--password-file', wrong],
    ],
    'pki client': [
      [...withCa, '--name', 'alice@example.org', ...p12],
      [...withCa, '--name', 'bob', '--p12', path('bob.p12'), '--password-file', wrong],
      [...withCa, '--name', 'bob', '--password-file', p12Password],
      ['--dir', dir, '--name', 'bob', '--ca-password-file', wrong],
      ['--dir', dir, '--name', 'bob', '--ca-password-file', path('private/ec.pem')],
    ],
    'pki revoke': [
      ['--dir', dir, '--name', 'vpn.example.org', '--ca-password-file', wrong],
      [...withCa, '--name', 'vpn.example.org'],
      [...withCa, '--name', 'vpn.example.org'],
    ],
    'pki crl': [
      ['--dir', dir, '--ca-password-file', wrong],
      ['--dir', dir, '--ca-password-file', caPassword],
    ],
    doctor: [
      ...[config, ...broken, ...stray].flatMap((one) => [
        ['--config', one, '--no-probe'],
        ['--config', one, '--no-probe', '--json'],
      ]),
      ['--config', config, '--settings', settings, '--no-probe'],
      ...stray.map((one) => ['--config', config, '--settings', one, '--no-probe']),
    ],
    'profile export': [
      ['--config', config, '--connection', 'home', '--format', 'mobileconfig'],
      ...connections.flatMap((connection) =>
        ['mobileconfig', 'sswan', 'qr'].map((format) => [
          ...['--config', config, '--connection', connection, '--format', format],
          ...['--with-secrets', '--output', path(`${connection}.${format}`)],
          ...(connection === 'office' ? ['--server', 'vpn.example.org'] : []),
          ...p12,
        ]),
      ),
      ...[...broken, ...stray].map((one) => ['--config', one, '--format', 'mobileconfig']),
      ['--config', config, '--connection', 'home', '--format', 'mobileconfig', ...p12],
    ],
    'profile import': [
      ...profiles(world).map((file, i) => [file, '--output', path(`imported${i}.conf`)]),
      ...[config, ...stray].map((one) => [one, '--output', path('stray.conf')]),
      // Of a profile that the rows of `profile export` have written: without its password, with a wrong one, and with the right one.
      [path('office.sswan'), '--output', path('locked.conf')],
      [path('office.sswan'), '--output', path('locked.conf'), '--password-file', wrong],
      [path('office.sswan'), '--output', path('opened.conf'), '--password-file', p12Password],
    ],
    connect: [...broken, ...stray, config].map((one) => ['--config', one, ...closed]),
    serve: [
      ...[...broken, ...stray, config].map((one) => ['--config', one, ...closed]),
      ...stray.map((one) => ['--config', config, '--settings', one, ...closed]),
    ],
  };
}

function asciiSecret(world: SecretWorld): string {
  const text = world.draw('password of a PKCS #12 file').replace('é', 'e');
  return text;
}

/** The configuration with one mistake after the other, each beside a secret. */
function brokenConfigurations(world: SecretWorld): readonly string[] {
  const secret = world.draw('secret in a broken configuration');
  const base = (secrets: string): string =>
    `connections { home {\n remote_addrs = 192.0.2.1\n local { auth = psk\n id = a }\n remote { auth = psk\n id = b }\n children { net { } } } }\n${secrets}\n`;
  const mistakes = [
    `secrets { ike { secret ${secret}\n } }`,
    `secrets { ike { secret = "${secret}\n } }`,
    `secrets { ike { secret = 0x${secret}\n } }`,
    `secrets { ike { secret = 0s${secret}!\n } }`,
    `secrets { ike { secret = ${secret} } }`,
    `secrets { ike { secrte = ${secret}\n } }`,
    `secrets { ike { ${secret}\n } }`,
    `secrets { ike = ${secret}\n }`,
    `secrets { wlan { secret = ${secret}\n } }`,
    `secrets { private { file = ${secret}\n } }`.replace(secret, 'cut.pem'),
    `secrets { private { file = rsa/locked.pem\n secret = ${secret}\n } }`,
    `secrets { pkcs12 { file = private/ec.pem\n secret = ${secret}\n } }`,
    `connections { home { proposals = aes\n password = ${secret}\n } }`,
    `secrets { ike { secret = ${secret}\n id = \n secret2 = ${secret}\n } `,
  ];
  return mistakes.map((text, i) => world.file(`broken/${i}.conf`, base(text)));
}

/** Profiles with everything that a profile can hide, whole and damaged. */
function profiles(world: SecretWorld): readonly string[] {
  const [psk, user, word] = ['SharedSecret', 'AuthPassword', 'Password'].map((kind) =>
    world.draw(`${kind} of a profile`),
  );
  const key = Buffer.from(`key in a profile ${world.draw('PKCS #12 in a profile')}`);
  const vpn = (more: string): string =>
    `<plist version="1.0"><dict><key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.vpn.managed</string><key>VPNType</key><string>IKEv2</string><key>IKEv2</key><dict><key>RemoteAddress</key><string>vpn.example.org</string>${more}</dict></dict><dict><key>PayloadType</key><string>com.apple.security.pkcs12</string><key>PayloadUUID</key><string>X</string><key>PayloadContent</key><data>${key.toString('base64')}</data><key>Password</key><string>${word}</string></dict></array></dict></plist>`;
  const shared = `<key>AuthenticationMethod</key><string>SharedSecret</string><key>SharedSecret</key><string>${psk}</string>`;
  const named = `<key>AuthenticationMethod</key><string>None</string><key>ExtendedAuthEnabled</key><true/><key>AuthName</key><string>carol</string><key>AuthPassword</key><string>${user}</string>`;
  const identity = `<key>AuthenticationMethod</key><string>Certificate</string><key>PayloadCertificateUUID</key><string>X</string>`;
  const good = [shared, named, identity].map(vpn);
  const bad = [
    vpn(shared.replace(`<string>${psk}</string>`, `<array><string>${psk}</string></array>`)),
    vpn(shared.replace('SharedSecret</string>', 'Other</string>')),
    vpn(named.replace(`${user}`, `${user}\n${user}`)),
    vpn(shared).slice(0, -40),
    vpn(shared).replace(`${psk}`, `${psk}<`),
    vpn(identity).replace('<data>', '<string>').replace('</data>', '</string>'),
  ];
  const sswan = JSON.stringify({
    uuid: 'x',
    name: 'Office',
    type: 'ikev2-cert',
    remote: { addr: 'vpn.example.org' },
    local: { p12: key.toString('base64') },
  });
  const damaged = [sswan.slice(0, -3), sswan.replace('"p12":"', '"p12":"%'), `${sswan}${psk}`];
  return [...good, ...bad, sswan, ...damaged].map((text, i) => world.file(`profiles/${i}`, text));
}
