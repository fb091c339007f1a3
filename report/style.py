"""The style of all pages: light and dark, from a phone's width to a desk's."""

STYLE = """
:root{color-scheme:light dark;--ink:#1a1f26;--paper:#fff;--soft:#f4f6f9;--quiet:#4a5462;
--line:#d3d9e1;--one:#1f5fbf;--two:#b34700;--three:#0a6b57;--four:#8a2f8f;--good:#0a6b2d;
--bad:#b3151b;--goodbg:#e3f5e8;--badbg:#fdeaea;--calm:#e6eef9;--warm:#fbeadd}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--paper:#12151a;--soft:#1b2027;
--quiet:#b1bac7;--line:#363e49;--one:#7fb4ff;--two:#ffb07c;--three:#5fd3b6;--four:#e09ce4;
--good:#78dc98;--bad:#ff9d99;--goodbg:#16301f;--badbg:#3a1b1d;--calm:#1c2b42;--warm:#40291a}}
*{box-sizing:border-box}html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer,nav{max-width:66rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.6rem}h1{font-size:1.7rem;line-height:1.2;margin:0}
h1 small{display:block;font-size:.95rem;font-weight:400;color:var(--quiet);margin-top:.3rem}
h2{font-size:1.3rem;margin:0 0 .8rem}h3{font-size:1.05rem;margin:1.8rem 0 .4rem}
section{padding:1.6rem 0;border-top:1px solid var(--line)}p{margin:.5rem 0;max-width:46rem}
ul{padding-left:1.2rem;margin:.5rem 0}li{margin:.15rem 0;max-width:46rem}
a{color:var(--one);text-underline-offset:.15em}code{font-size:.92em;overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--one);outline-offset:2px}
main nav{padding:0}nav ul{display:flex;flex-wrap:wrap;gap:.4rem;padding:0;
margin:1rem 0 1.4rem;list-style:none}
nav a{display:block;padding:.3rem .75rem;border:1px solid var(--line);border-radius:2rem;
text-decoration:none;color:var(--ink)}nav a:hover{background:var(--soft)}
.verdict{margin:1.1rem 0;padding:1rem 1.2rem;border-radius:.7rem;border-left:.45rem solid;
background:var(--soft)}.verdict>strong{font-size:1.15rem}.verdict p{margin:.2rem 0}
.verdict.good{border-color:var(--good);background:var(--goodbg)}
.verdict.bad{border-color:var(--bad);background:var(--badbg)}
.mark{display:inline-block;padding:0 .5rem;border-radius:1rem;font-size:.88rem;white-space:nowrap;
background:var(--soft);color:var(--quiet)}.mark.good{background:var(--goodbg);color:var(--good)}
.mark.bad{background:var(--badbg);color:var(--bad)}.mark.calm{background:var(--calm);
color:var(--ink)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.2rem,1fr));gap:.7rem;
margin:1rem 0}.cards div{min-width:0;background:var(--soft);border-radius:.7rem;padding:.7rem .9rem}
dt{color:var(--quiet);font-size:.9rem}dd{margin:0;font-size:1.45rem;font-weight:600;
font-variant-numeric:tabular-nums;line-height:1.3}dd small{display:block;font-size:.85rem;
font-weight:400;color:var(--quiet);line-height:1.35}
.wide{overflow-x:auto;max-width:100%}table{border-collapse:collapse;margin:.7rem 0;
font-variant-numeric:tabular-nums}caption,figcaption{text-align:left;color:var(--quiet);
padding-bottom:.3rem}caption{min-width:16rem}th,td{padding:.3rem .7rem .3rem 0;
text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--quiet);font-weight:500;font-size:.9rem}
tbody th{font-weight:600}td.number,.number{text-align:right}
.bar{min-width:10rem;white-space:nowrap}
.bar svg{max-width:none;width:6.5rem;height:.6rem;margin-right:.6rem;border-radius:.3rem}
.better{color:var(--good)}.worse{color:var(--bad)}
rect.one{fill:var(--one)}rect.two{fill:var(--two)}rect.track{fill:var(--line)}
svg{max-width:100%}text{fill:var(--quiet);font-size:12px}figure{margin:.7rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:1rem}
.chart{margin:0}.chart>svg{display:block;width:100%;max-width:30rem;height:auto}
.grid{stroke:var(--line);fill:none}.best{stroke:var(--quiet);stroke-dasharray:2 3;fill:none}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.dashed{stroke-dasharray:6 4}
.line.one{stroke:var(--one)}.line.two{stroke:var(--two)}.dot.one{fill:var(--one)}
.dot.two{fill:var(--two)}.key{white-space:nowrap;margin-left:.6rem}.key svg{width:1.5rem;
height:.4rem;margin-right:.3rem;vertical-align:middle}
.two{display:grid;gap:0 1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}
.side{display:flex;flex-wrap:wrap;align-items:flex-start;gap:0 2.6rem}.side>*{min-width:0}
.pair{display:grid;grid-template-columns:minmax(0,1fr);gap:1.2rem 2.4rem}
@media(min-width:52rem){.pair{grid-template-columns:20rem minmax(0,1fr)}}
.graph{width:100%;max-width:20rem;height:auto}
.box>rect:first-child{fill:var(--soft);stroke:var(--line);stroke-width:1.2}
.box .name{fill:var(--ink);font-size:14px;font-weight:600}.box .done{fill:var(--one)}
.box.cached>rect:first-child{stroke-dasharray:5 3;stroke:var(--quiet)}
.box.failed>rect:first-child{fill:var(--badbg);stroke:var(--bad);stroke-width:2}
.box.result>rect:first-child{fill:var(--goodbg);stroke:var(--good)}
.edge{fill:none;stroke:var(--quiet);stroke-width:1.5}.head{fill:var(--quiet)}
.edge.one{stroke:var(--one)}.edge.two{stroke:var(--two)}.edge.three{stroke:var(--three)}
.edge.four{stroke:var(--four)}.head.one{fill:var(--one)}.head.two{fill:var(--two)}
.head.three{fill:var(--three)}.head.four{fill:var(--four)}
ol.steps{list-style:none;padding:0;margin:0}ol.steps li{padding:.45rem 0;
border-bottom:1px solid var(--line);max-width:none}.steps small{display:block;color:var(--quiet)}
.pictures{display:flex;flex-wrap:wrap;gap:1rem;padding:0;list-style:none;margin:.8rem 0}
.pictures>li{margin:0;max-width:20.5rem}.pictures figcaption{padding:.25rem 0 0}
.pictures figure{margin:0}.strip{display:flex;gap:.3rem;flex-wrap:wrap}
.pictures img{display:block;width:4.6rem;height:4.6rem;object-fit:contain;background:var(--soft);
border-radius:.35rem}img.pixels{image-rendering:pixelated}.large>li{max-width:9.5rem}
.pictures small{display:block;line-height:1.3;overflow-wrap:anywhere}
.large img{width:7.5rem;height:7.5rem}
.twin>li{max-width:16rem}.three img{width:min(9rem,28vw);height:min(9rem,28vw)}
.three>li{max-width:none}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0}
.swatch{width:.9rem;height:.9rem;vertical-align:-.1rem;border:1px solid var(--quiet)}
.confusion td{text-align:center;padding:.3rem .45rem;min-width:2.3rem;color:var(--quiet)}
.confusion thead th{text-align:center}.confusion td.right,.confusion td.wrong{color:var(--ink)}
.right{background:var(--calm)}.wrong{background:var(--warm);font-weight:600}
td code{display:inline-block;min-width:8rem}
details{margin:.7rem 0}summary{cursor:pointer;color:var(--one)}
img.plot{display:block;width:100%;min-width:34rem;max-width:46rem;height:auto}
footer{color:var(--quiet);padding-bottom:2rem;font-size:.9rem}
@media(max-width:30rem){.bar svg{width:3.5rem}.bar{min-width:0}
.wide th,.wide td{padding-right:.6rem}.bar svg{margin-right:.35rem}}
@media print{nav{display:none}section{break-inside:avoid}}
"""
