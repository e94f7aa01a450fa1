import { inspect } from 'node:util';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';

describe('KeyMaterial', () => {
  const secret = () => new KeyMaterial(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));

  it('prints as redacted wherever it is printed', () => {
    expect(`${secret()}`).toBe('[redacted]');
    expect(JSON.stringify({ key: secret() })).toBe('{"key":"[redacted]"}');
    expect(inspect(secret())).toBe('[redacted]');
    expect(inspect({ keys: [secret()] }, { depth: 9, showHidden: true })).not.toMatch(
      /222|de, ?ad/,
    );
    expect(Object.keys(secret())).toEqual([]);
  });

  it('reveals its bytes when asked, and copies a part', () => {
    const material = secret();
    expect(material.length).toBe(4);
    expect([...material.reveal()]).toEqual([0xde, 0xad, 0xbe, 0xef]);
    const part = material.slice(1, 3);
    material.erase();
    expect([...part.reveal()]).toEqual([0xad, 0xbe]);
  });

  it('erases its bytes', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    new KeyMaterial(bytes).erase();
    expect([...bytes]).toEqual([0, 0, 0]);
  });
});
