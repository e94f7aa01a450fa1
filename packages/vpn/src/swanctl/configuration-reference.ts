import { DEFAULT_ESP_PROPOSALS, DEFAULT_IKE_PROPOSALS } from '../compile/default-proposals.ts';
import { legacyKeywords, proposalKeywords } from '../compile/proposal-keywords.ts';
import type { KeyRule, SectionRule } from './schema.ts';
import { VALUE_FORMS } from './setting-values.ts';
import { otherPrograms, settingsRoot } from './tables/settings-sections.ts';
import { swanctlRoot } from './tables/swanctl-sections.ts';

const STATUS = {
  supported: 'supported',
  'no-effect': 'warning',
  refused: 'error',
} as const;

/** The manual of the configuration files in Markdown, made from the tables that the reader itself uses. */
export function configurationReference(): string {
  const swanctl = (swanctlRoot.sections ?? []).flatMap(({ rule }) => sectionText(rule));
  const charon = (settingsRoot.sections ?? [])
    .filter(({ name }) => name === 'charon')
    .flatMap(({ rule }) => sectionText(rule));
  return [
    ...introduction,
    '## swanctl.conf',
    '',
    ...swanctl,
    '## strongswan.conf (`--settings`)',
    '',
    'Only `charon` and `charon-systemd` count; where both say something, `charon-systemd` goes before `charon`.',
    `The sections of other programs are passed over: ${otherPrograms.map(code).join(', ')}.`,
    '',
    ...charon,
  ].join('\n');
}

const introduction: readonly string[] = [
  '# Configuration files',
  '',
  '<!-- Made from the tables in packages/vpn/src/swanctl by a test. Regenerate with: UPDATE_DOCS=1 npm test -->',
  '',
  'The `ipsec-kit` command reads the configuration language of strongSwan 5.9.8: sections `name { ... }`, `key = value` to the end of the line, `#` comments, quoted values with escapes and line breaks, `name : other, some.other { ... }` to inherit from other sections, and `include PATTERN` relative to the file. Sections that are repeated are merged, later values replace earlier ones, and `key =` goes back to the default.',
  '',
  'Times are seconds or have a unit (`30`, `30s`, `5m`, `2h`, `1d`); sizes have `k`, `m` or `g` in steps of 1024; yes and no are also `true`, `enabled`, `1` and `false`, `disabled`, `0`.',
  '',
  'Every key that strongSwan knows is in the tables below:',
  '',
  '| status | means |',
  '|---|---|',
  '| supported | it does what it does in strongSwan, or what is said there |',
  '| warning | it has no effect yet, which is harmless; a warning with file and line says what happens instead |',
  '| error | it has no effect yet, and ignoring it would change security or traffic, so nothing starts |',
  '',
  'The default of a key is never a warning or an error. A key that strongSwan does not know either is always an error, with file, line, column and the nearest known key.',
  '',
  '## Proposals',
  '',
  `Algorithms are joined by hyphens, proposals by commas: ${proposalKeywords.map(code).join(', ')}. Several algorithms of a kind may stand in one proposal. A proposal for IKE with an AEAD needs a PRF; otherwise the PRF follows from the integrity algorithm. \`default\` stands for`,
  '',
  ...DEFAULT_IKE_PROPOSALS.map((text) => `- IKE: ${code(text)}`),
  ...DEFAULT_ESP_PROPOSALS.map((text) => `- ESP: ${code(text)}`),
  '',
  'For ESP alone: `esn` are extended sequence numbers, `noesn` short ones, which hold without either word; `esn-noesn` prefers the first and takes both. A name with `iiv` is the same cipher with an IV that is made of the sequence number and not sent, 8 bytes less in each packet (RFC 8750); nobody else has keywords for them, hence ours. Peers that do not know them take what else is offered: `aes256gcm16iiv-aes256gcm16`.',
  '',
  `${legacyKeywords.map(code).join(', ')} are for old peers, and refused unless the connection has \`legacy = yes\`. Refused with the reason are also algorithms that protect nothing any more (DES, MD5, MODP-768), and proposals that contradict themselves: an AEAD with an integrity algorithm, AES-CBC or AES-CTR without one, no PRF, no key exchange, additional key exchanges without a first one.`,
  '',
  'Additional key exchanges (RFC 9370) have the names of strongSwan 6: `ke1_mlkem768` behind `x25519` makes a hybrid of both, safe while either is; up to `ke7_`, performed in this order, each with any of the key exchanges above. The first key exchange is never ML-KEM, whose values do not fit into a message that cannot be fragmented. `ke1_mlkem768-ke1_none` says that it need not be; a peer that does not know them at all takes another proposal: `aes256-sha256-x25519-ke1_mlkem768, aes256-sha256-x25519`. The default is made so. A Child SA whose proposals have no key exchange takes its keys from those of the IKE SA, and is hybrid where that is.',
  '',
  '## Traffic selectors',
  '',
  '`dynamic` (the own or virtual address), an address, a prefix, or a range `10.1.0.1-10.1.0.20`; behind it may stand `[protocol]` or `[protocol/port]` with names or numbers and a range of ports: `10.0.0.0/8[tcp/80]`, `dynamic[udp/1000-2000]`, `::/0[ipv6-icmp]`.',
  '',
];

function sectionText(section: SectionRule): readonly string[] {
  const patterns = (section.keyPatterns ?? []).map(({ label, rule }): [string, KeyRule] => [
    label,
    rule,
  ]);
  const keys = [...Object.entries(section.keys), ...patterns];
  const inner = (section.sections ?? []).flatMap(({ rule }) => sectionText(rule));
  const status =
    section.status === undefined
      ? []
      : [`Status: ${STATUS[section.status]}: ${section.because ?? ''}.`, ''];
  const heading = [`### ${code(section.path)}`, '', `${capital(section.about)}.`, ''];
  if (keys.length === 0) return [...heading, ...status, ...inner];
  const table = [
    '| key | status | value | default | about |',
    '|---|---|---|---|---|',
    ...keys.map(([key, rule]) => row(key, rule)),
    '',
  ];
  return [...heading, ...status, ...table, ...inner];
}

function row(key: string, rule: KeyRule): string {
  const value = rule.choices ? rule.choices.map(code).join(', ') : VALUE_FORMS[rule.kind];
  const exceptions = (rule.except ?? [])
    .filter(({ status, because }) => status !== rule.status || because !== rule.because)
    .map(({ values, status }) => `${values.map(code).join(', ')}: ${STATUS[status]}`);
  const notes = [rule.because ?? '', ...exceptions].filter((text) => text !== '');
  const about = `${rule.about}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
  const cells = [
    code(key),
    STATUS[rule.status],
    value,
    rule.default ? code(rule.default) : '',
    about,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
