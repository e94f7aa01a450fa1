import { RevocationReason, type RevocationReasonName } from '@ipsec-kit/x509/issue';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { KEY_KINDS, type KeyKind } from './key-pair.ts';

/** What all of `ipsec-kit pki` take. */
export interface PkiArguments {
  readonly dir: string;
  readonly caPasswordFile?: string;
}

/** `pki ca`. */
export interface CaArguments extends PkiArguments {
  readonly name: string;
  readonly key: KeyKind;
  readonly days: number;
  readonly encrypt?: boolean;
}

/** `pki server` and `pki client`. */
export interface PeerArguments extends PkiArguments {
  readonly name: string;
  readonly san?: readonly string[];
  readonly key: KeyKind;
  readonly days: number;
  readonly crlUrl?: string;
  readonly p12?: string;
  readonly passwordFile?: string;
}

/** `pki revoke`. */
export interface RevokeArguments extends PkiArguments {
  readonly name?: string;
  /** Hexadecimal, lower case. */
  readonly serial?: string;
  readonly reason: RevocationReasonName;
  readonly days: number;
}

/** `pki crl`. */
export interface CrlArguments extends PkiArguments {
  readonly days: number;
}

/** What `ipsec-kit pki` is asked to do. */
export type PkiRequest =
  | { readonly action: 'ca'; readonly args: CaArguments }
  | { readonly action: 'server' | 'client'; readonly args: PeerArguments }
  | { readonly action: 'revoke'; readonly args: RevokeArguments }
  | { readonly action: 'crl'; readonly args: CrlArguments };

const EXAMPLE = `
Example, a CA, a gateway, a telephone, and a telephone that was lost:
  ipsec-kit pki ca --dir pki --name "Home CA"
  ipsec-kit pki server --dir pki --name vpn.example.org
  ipsec-kit pki client --dir pki --name alice@example.org --p12 alice.p12
  ipsec-kit pki revoke --dir pki --name alice@example.org`;

/** Adds `ipsec-kit pki` and what is below it. @param act - called once the arguments make sense. */
export function addPkiCommands(
  program: Command,
  act: (request: PkiRequest) => Promise<void>,
): void {
  const pki = program
    .command('pki')
    .description('make a CA, certificates of servers and clients, and CRLs')
    .addHelpText('after', EXAMPLE);
  keyed(add(pki, 'ca', 'make a CA in a directory of its own', 3650))
    .requiredOption('--name <name>', 'what it is called: "Home CA"')
    .option('--encrypt', 'encrypt its key with a password, from the file or the terminal')
    .action((args: CaArguments) => act({ action: 'ca', args }));
  for (const action of ['server', 'client'] as const) {
    keyed(add(pki, action, `make key and certificate of a ${action}`, 825))
      .requiredOption('--name <name>', `its IKE identity: ${NAME_EXAMPLES[action]}`)
      .option('--san <name>', 'another name or address; may be repeated', collect)
      .option('--crl-url <url>', 'where its peers can fetch the CRL of the CA')
      .option('--p12 <file>', 'write key, certificate and CA into a PKCS #12 file, too')
      .option('--password-file <file>', 'the first line is the password of the PKCS #12 file')
      .action((args: PeerArguments) => act({ action, args }));
  }
  add(pki, 'revoke', 'revoke a certificate, and write the CRL anew', 30)
    .option('--name <name>', 'whose certificate')
    .option('--serial <hex>', 'the serial number, when the certificate is lost', hexadecimal)
    .addOption(
      new Option('--reason <reason>', 'why')
        .choices(Object.keys(RevocationReason))
        .default('unspecified'),
    )
    .action((args: RevokeArguments, command: Command) => {
      if ((args.name === undefined) === (args.serial === undefined)) {
        command.error('error: say what to revoke: --name NAME or --serial HEX');
      }
      return act({ action: 'revoke', args });
    });
  add(pki, 'crl', 'write the CRL anew, before the last one runs out', 30).action(
    (args: CrlArguments) => act({ action: 'crl', args }),
  );
}

const NAME_EXAMPLES = { server: 'vpn.example.org', client: 'alice@example.org' } as const;

function add(pki: Command, name: string, about: string, defaultDays: number): Command {
  const what = name === 'crl' || name === 'revoke' ? 'the CRL' : 'it';
  return pki
    .command(name)
    .description(about)
    .allowExcessArguments(false)
    .requiredOption('--dir <dir>', 'directory of the CA')
    .option('--days <days>', `how long ${what} is valid`, days, defaultDays)
    .option('--ca-password-file <file>', 'the first line is the password of the CA key');
}

function keyed(command: Command): Command {
  return command.addOption(
    new Option('--key <kind>', 'kind of key').choices(KEY_KINDS).default('ecdsa'),
  );
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function days(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 36_500) return value;
  throw new InvalidArgumentError('Expected 1 to 36500 days.');
}

function hexadecimal(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (/^([0-9a-f]{2}){1,20}$/.test(digits)) return digits;
  throw new InvalidArgumentError('Expected 1 to 20 bytes in hexadecimal, as openssl prints them.');
}
