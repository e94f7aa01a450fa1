import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationReference } from '@ipsec-kit/vpn/swanctl';
import { type KnownSecret, secretText } from './secret-search.ts';

/** How the manual describes the values of keys that are secrets. */
const SECRET_FORM = 'text, 0x and hexadecimal digits, or 0s and Base64';

/** A key of a configuration whose value is a secret: `secrets.ike<suffix>` and `secret`. */
export interface SecretKey {
  readonly section: string;
  readonly key: string;
}

/** All of them, from the tables that the reader itself uses: a new one is here by itself. */
export function secretKeys(): readonly SecretKey[] {
  return configurationReference()
    .split(/^### /m)
    .flatMap((chapter) => {
      const [, section = ''] = /^`([^`]+)`/.exec(chapter) ?? [];
      const rows = chapter.matchAll(/^\| `(\w+)` \| [^|]+ \| ([^|]+) \|/gm);
      return [...rows].flatMap(([, key = '', form]) =>
        form === SECRET_FORM ? [{ section, key }] : [],
      );
    });
}

/** A directory with every kind of secret in it, and what those are. */
export interface SecretWorld {
  readonly dir: string;
  readonly secrets: readonly KnownSecret[];
  /** swanctl.conf with every section of `secrets`. */
  readonly config: string;
  /** strongswan.conf with the secrets of RADIUS servers. */
  readonly settings: string;
  path(name: string): string;
  /** A file with a new secret in its first line; the name of the file is its kind. */
  password(name: string): string;
  /** Writes a file, for its owner alone. */
  file(name: string, content: string | Uint8Array): string;
  /** A text that nobody has seen yet. */
  draw(kind: string): string;
}

/** Fills a directory. */
export function createSecretWorld(dir: string): SecretWorld {
  const secrets: KnownSecret[] = [];
  const path = (name: string): string => join(dir, name);
  const file = (name: string, content: string | Uint8Array): string => {
    mkdirSync(join(path(name), '..'), { recursive: true });
    writeFileSync(path(name), content, { mode: 0o600 });
    return path(name);
  };
  const draw = (kind: string): string => {
    // Letters that are syntax in none of the files, and one that is not ASCII.
    const text = `Kd${randomBytes(15).toString('base64url').replace(/[-_]/g, 'x')}é`;
    secrets.push(secretText(kind, text));
    return text;
  };
  const password = (name: string): string => file(name, `${draw(name)}\n`);
  for (const [name, content] of keyFiles(draw, secrets)) file(name, content);
  const config = file('home.conf', configuration(draw));
  const settings = file('strongswan.conf', radius(draw));
  return { dir, secrets, config, settings, path, password, file, draw };
}

/** Keys in every form that is read, with what is secret of each. */
function keyFiles(
  draw: (kind: string) => string,
  secrets: KnownSecret[],
): readonly (readonly [string, string | Buffer])[] {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ed = generateKeyPairSync('ed25519').privateKey;
  for (const [kind, key] of Object.entries({ ec, rsa, ed })) {
    const { d = '', p } = key.export({ format: 'jwk' });
    secrets.push({ kind: `private key (${kind})`, bytes: Buffer.from(d, 'base64url') });
    if (p) secrets.push({ kind: `factor (${kind})`, bytes: Buffer.from(p, 'base64url') });
  }
  const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', passphrase?: string): string =>
    key
      .export({
        format: 'pem',
        type,
        ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
      })
      .toString();
  return [
    ['private/ec.pem', pem(ec, 'pkcs8')],
    ['private/ed.pem', pem(ed, 'pkcs8')],
    ['ecdsa/ec.pem', pem(ec, 'sec1')],
    ['rsa/rsa.pem', pem(rsa, 'pkcs1')],
    ['pkcs8/rsa.der', rsa.export({ format: 'der', type: 'pkcs8' })],
    ['pkcs8/locked.pem', pem(rsa, 'pkcs8', draw('password of a PKCS #8 file'))],
    ['rsa/locked.pem', pem(rsa, 'pkcs1', draw('password of a PEM file of old'))],
    ['cut.pem', pem(ec, 'pkcs8').slice(0, 120)],
    ['twice.pem', pem(ec, 'sec1').replace(/-----END/g, 'AAAA\n-----END')],
    ['plain.txt', createPrivateKey(pem(ed, 'pkcs8')).export({ format: 'pem', type: 'pkcs8' })],
  ];
}

/** One section for each kind of secret, and connections that use them. */
function configuration(draw: (kind: string) => string): string {
  const sections = secretKeys().flatMap(({ section, key }) => {
    const [, name] = /^secrets\.(\w+)<suffix>$/.exec(section) ?? [];
    if (name === undefined) return [];
    const file = FILES[name] === undefined ? '' : `file = ${FILES[name]}`;
    return [`  ${name}-one {\n    ${file}\n    ${key} = "${draw(`${section}.${key}`)}"\n  }`];
  });
  return `${CONNECTIONS}\nsecrets {\n${sections.join('\n')}\n}\n`;
}

/** A key file of each kind that names one. */
const FILES: Readonly<Record<string, string>> = {
  private: 'ec.pem',
  rsa: 'locked.pem',
  ecdsa: 'ec.pem',
  pkcs8: 'locked.pem',
  pkcs12: '../cut.pem',
};

const CONNECTIONS = `
connections {
  home {
    remote_addrs = 192.0.2.1
    local { auth = psk
      id = anna@example.org }
    remote { auth = psk
      id = vpn.example.org }
    children { net { remote_ts = 10.77.0.0/16 } }
  }
  office {
    local { auth = psk
      id = vpn.example.org }
    remote { auth = eap-mschapv2
      eap_id = %any }
    children { net { local_ts = 10.77.0.0/16 } }
  }
}`;

function radius(draw: (kind: string) => string): string {
  const all = secretKeys().filter(({ section }) => section.startsWith('charon'));
  const lines = all.map(({ section, key }) => {
    const names = section.replace(/<[^>]+>/g, 'one').split('.');
    const value = draw(`${section}.${key}`);
    return names.reduceRight((inner, name) => `${name} {\n${inner}\n}`, `${key} = "${value}"`);
  });
  return `${lines.join('\n')}\n`;
}
