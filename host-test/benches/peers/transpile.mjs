// Makes JavaScript of the component, for component.mjs.
//
//   node transpile.mjs COMPONENT OUT_DIR
//
// What `jco transpile COMPONENT --instantiation async -o OUT_DIR` does, without all that the `jco`
// package has beside its transpiler. The component is instantiated by the script that uses it,
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
