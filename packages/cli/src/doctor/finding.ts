/** How a finding weighs: with `error` the tunnel will not come up, or nobody should want it to. */
export type FindingLevel = 'ok' | 'info' | 'warning' | 'error';

/** One thing that the doctor found, in words and without secrets. */
export interface Finding {
  readonly level: FindingLevel;
  /** `configuration`, `host`, or the name of a connection behind `connection `. */
  readonly about: string;
  readonly sentence: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Makes findings about one thing. */
export interface Findings {
  readonly list: readonly Finding[];
  add(level: FindingLevel, sentence: string, advice?: string): void;
}

/** An empty list of findings. @param about - what all of them are about. */
export function findingsAbout(about: string): Findings {
  const list: Finding[] = [];
  return {
    list,
    add(level, sentence, advice) {
      list.push({ level, about, sentence, ...(advice === undefined ? {} : { advice }) });
    },
  };
}

const MARKS: Readonly<Record<FindingLevel, string>> = {
  ok: 'ok     ',
  info: '       ',
  warning: 'warning',
  error: 'ERROR  ',
};

/** Findings for people, under a heading for each thing that they are about, and a last line that counts. */
export function findingsText(findings: readonly Finding[]): string {
  const lines: string[] = [];
  let about: string | undefined;
  for (const finding of findings) {
    if (finding.about !== about) lines.push(...(about === undefined ? [] : ['']), finding.about);
    about = finding.about;
    lines.push(`  ${MARKS[finding.level]} ${finding.sentence}`);
    if (finding.advice !== undefined) lines.push(`          -> ${finding.advice}`);
  }
  const count = (level: FindingLevel): number =>
    findings.filter((one) => one.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const verdict =
    errors === 0
      ? 'Nothing stands in the way'
      : errors === 1
        ? 'One thing stands in the way'
        : `${errors} things stand in the way`;
  const rest = warnings === 0 ? '' : `; ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
  return [...lines, '', `${verdict}${rest}.`].join('\n');
}
