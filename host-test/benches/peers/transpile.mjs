// Transpiles the component to JavaScript, for component.mjs.
//
//   node transpile.mjs COMPONENT OUT_DIR
//
// Does the same as `jco transpile COMPONENT --instantiation async -o OUT_DIR`, without the rest of the `jco`
// package. The component is instantiated by the script that uses it,
// because what is built under target/ does not find the packages that are installed here.

import { transpile, writeFiles } from "@bytecodealliance/jco-transpile";

const [component, outDir] = process.argv.slice(2);
if (outDir === undefined) {
  console.error("usage: node transpile.mjs COMPONENT OUT_DIR");
  process.exit(2);
}

const { files } = await transpile(component, {
  name: "mv-clip",
  outDir,
  instantiation: "async",
  noComponentErrorWrapping: false,
  emitTypescriptDeclarations: false,
});
await writeFiles(files);
