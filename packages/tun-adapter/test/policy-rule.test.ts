import { describe, expect, it } from 'vitest';
import { type PolicyRule, ruleArguments, toPolicyRule } from '../src/policy-rule.ts';

const rule: PolicyRule = {
  version: 4,
  priority: 10007,
  to: '192.0.2.1/32',
  udpSourcePort: 4500,
  action: { lookup: 'main' },
};

describe('a policy rule', () => {
  it('is removed by the words that added it', () => {
    const [, , , ...words] = ruleArguments('add', rule);
    expect(ruleArguments('del', rule).slice(3)).toEqual(words);
    expect(words.join(' ')).toBe(
      'priority 10007 to 192.0.2.1/32 iif lo ipproto udp sport 4500 lookup main',
    );
  });

  it('survives its record', () => {
    expect(toPolicyRule(JSON.parse(JSON.stringify(rule)))).toEqual(rule);
    const { udpSourcePort: _, ...everything } = rule;
    expect(toPolicyRule(JSON.parse(JSON.stringify(everything)))).toEqual(everything);
  });

  it('is not read out of a record with a port that is none', () => {
    for (const udpSourcePort of [0, 65536, 1.5, '4500', null, '4500 lookup 7']) {
      expect(toPolicyRule({ ...rule, udpSourcePort })).toBeUndefined();
    }
  });
});
