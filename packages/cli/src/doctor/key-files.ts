import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';

/** Sections of `secrets` that name files with private keys, and where swanctl looks for those. */
export const KEY_SECTIONS = [
  { prefix: 'private', directory: 'private' },
  { prefix: 'rsa', directory: 'rsa' },
  { prefix: 'ecdsa', directory: 'ecdsa' },
  { prefix: 'pkcs8', directory: 'pkcs8' },
  { prefix: 'pkcs12', directory: 'pkcs12' },
] as const;

/** A file that `secrets` name. */
export interface NamedKeyFile {
  readonly file: string;
  readonly directory: string;
  readonly password: string | undefined;
}

/** The files with private keys that a configuration names. */
export function keyFilesOf(root: ConfigSection): readonly NamedKeyFile[] {
  return [...(root.sections.get('secrets')?.sections ?? [])].flatMap(([name, { values }]) => {
    const kind = KEY_SECTIONS.find(({ prefix }) => name.startsWith(prefix));
    const file = values.get('file');
    if (!kind || file === undefined) return [];
    return [{ file, directory: kind.directory, password: values.get('secret') }];
  });
}
