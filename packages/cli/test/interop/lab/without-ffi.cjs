// Preloaded with NODE_OPTIONS=--require: Node as on a machine that lacks something of what the packet path calls.
// IPSEC_KIT_LAB_WITHOUT: `koffi` (the package is not installed) or a regular expression of the functions that no library has.
'use strict';
const Module = require('node:module');

const without = process.env.IPSEC_KIT_LAB_WITHOUT ?? 'koffi';
const lacks = new RegExp(`\\b(${without})\\b`);
const load = Module._load;

function withoutFunctions(library) {
  return new Proxy(library, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== 'function') return value;
      return (...args) => {
        if (lacks.test(String(args[0])))
          throw new Error(`Cannot find function in shared library: ${args[0]}`);
        return value.apply(target, args);
      };
    },
  });
}

Module._load = function (request, ...rest) {
  if (request !== 'koffi') return load.call(this, request, ...rest);
  if (without === 'koffi') throw new Error("Cannot find module 'koffi'");
  const koffi = load.call(this, request, ...rest);
  return new Proxy(koffi, {
    get: (target, name) =>
      name === 'load' ? (...args) => withoutFunctions(target.load(...args)) : target[name],
  });
};
