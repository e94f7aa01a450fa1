import { type Command, Option } from 'commander';

/** Forms in which a profile is written. */
export const EXPORT_FORMATS = ['sswan', 'mobileconfig', 'qr'] as const;

/** `profile import`. */
export interface ImportArguments {
  readonly file: string;
  /** Where the configuration goes; its certificates lie beside it. */
  readonly output?: string;
  readonly passwordFile?: string;
}

/** `profile export`. */
export interface ExportArguments {
  readonly config: string;
  readonly connection?: string;
  readonly format: (typeof EXPORT_FORMATS)[number];
  /** The configuration is that of a server, which is here for its peers. */
  readonly server?: string;
  readonly identity?: string;
  readonly p12?: string;
  readonly passwordFile?: string;
  readonly withSecrets?: boolean;
  readonly output?: string;
}

/** What `ipsec-kit profile` is asked to do. */
export type ProfileRequest =
  | { readonly action: 'import'; readonly args: ImportArguments }
  | { readonly action: 'export'; readonly args: ExportArguments };

/** Adds `ipsec-kit profile`. @param act - called once the arguments make sense. */
export function addProfileCommands(
  program: Command,
  act: (request: ProfileRequest) => Promise<void>,
): void {
  const profile = program
    .command('profile')
    .description('profiles of telephones: .sswan (strongSwan, Android) and .mobileconfig (Apple)');
  profile
    .command('import')
    .description('write a profile as swanctl.conf')
    .allowExcessArguments(false)
    .argument('<file>', '.sswan or .mobileconfig')
    .option('--output <file>', 'where to (default: the name of the profile, with .conf)')
    .option('--password-file <file>', 'the first line is the password of the key in the profile')
    .action((file: string, args: Omit<ImportArguments, 'file'>) =>
      act({ action: 'import', args: { ...args, file } }),
    );
  profile
    .command('export')
    .description('write a connection as a profile')
    .allowExcessArguments(false)
    .requiredOption('--config <file>', 'configuration in the language of swanctl.conf')
    .option('--connection <name>', 'the connection; needed when there are several')
    .addOption(
      new Option('--format <format>', 'what to write; qr is a .sswan profile in the terminal')
        .choices(EXPORT_FORMATS)
        .makeOptionMandatory(),
    )
    .option('--server <host>', 'the configuration is of the server: its clients go to this host')
    .option('--identity <id>', 'who the user of the profile is, as IKE identity')
    .option('--p12 <file>', 'key and certificate of the user, put into the profile')
    .option('--password-file <file>', 'put the password of the PKCS #12 file into it, too')
    .option('--with-secrets', 'put the pre-shared key into it: whoever has the profile has the key')
    .option('--output <file>', 'where to, mode 0600 (default: the terminal)')
    .action((args: ExportArguments) => act({ action: 'export', args }));
}
