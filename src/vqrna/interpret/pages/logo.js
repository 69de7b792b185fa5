const GLYPHS = {
  A: "M0 100L36 0H64L100 100H78L70 76H30L22 100ZM36 58H64L50 16Z",
  C: "M95.7 32A49 50 0 1 0 95.7 68L75 64A28 31 0 1 1 75 36Z",
  G: "M95.7 32A49 50 0 1 0 95.7 68L75 64A28 31 0 1 1 75 36ZM52 46H97V90H77V62H52Z",
  U: "M4 0V62A46 38 0 0 0 96 62V0H74V62A24 18 0 0 1 26 62V0Z",
};
// Draw a logo as SVG: bits[base][column]; `first` is the offset of the first column from the centre
function logo(bits, colors, first, width, height, most) {
  const n = bits[0].length, step = width / n, letters = Object.keys(GLYPHS);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  const middle = (-first + 0.5) * step;
  svg.appendChild(make("line", { x1: middle, x2: middle, y1: 0, y2: height, stroke: "#ddd" }));
  for (let i = 0; i < n; i++) {
    let y = height;
    const order = [0, 1, 2, 3].sort((a, b) => bits[a][i] - bits[b][i]);
    for (const b of order) {
      const tall = bits[b][i] / most * height;
      if (tall < 0.7) continue;
      y -= tall;
      svg.appendChild(make("path", { d: GLYPHS[letters[b]], fill: colors[letters[b]],
        "fill-rule": "evenodd",
        transform: `translate(${(i * step + step * 0.04).toFixed(2)} ${y.toFixed(2)}) scale(${(step * 0.0092).toFixed(4)} ${(tall / 100).toFixed(4)})` }));
    }
  }
  svg.appendChild(make("line", { x1: 0, x2: width, y1: height, y2: height, stroke: "#bbb" }));
  return svg;
}
