/** The names of one registry by number. */
export type RegistryNames = ReadonlyMap<number, string>;

/** Turns a registry around; of two names for one number the first stays. */
export function registryNames(registry: Readonly<Record<string, number>>): RegistryNames {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(registry)) {
    if (!names.has(value)) names.set(value, name);
  }
  return names;
}

/** The name of a number, or `unknown(n)` for one that the registry does not have. */
export function registryName(names: RegistryNames, value: number): string {
  return names.get(value) ?? `unknown(${value})`;
}
