// What the bundle in the package is made of, and under which licences: written beside it.
import { readFileSync, writeFileSync } from "node:fs";

const { inputs } = JSON.parse(readFileSync("node_modules/.bundle.json", "utf-8"));
const paths = Object.keys(inputs).filter((path) => path.startsWith("node_modules/"));
const names = [...new Set(paths.map((path) => path.split("/")[1]))].sort();
const parts = names.map((name) => {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf-8"));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf-8").trim()}\n`;
});
writeFileSync("../charts.LICENSE.txt", parts.join("\n---\n\n"));
