// The parts of D3 that the pages draw with. As SVG, what it draws has names that a screen reader
// reads, prints sharply and follows the colours of the page; it needs no style that a strict
// Content-Security-Policy refuses, as Observable Plot's own style element would, and none of the
// canvas that uPlot paints on. `npm run build` bundles it into the package.
export { axisBottom, axisLeft } from "d3-axis";
export { scaleLinear, scaleLog } from "d3-scale";
export { select } from "d3-selection";
export { curveStepAfter, line } from "d3-shape";
