import init, { check } from "aldis-web";
await init();
const checked = check("{}");
if ("valid" in checked && !checked.valid) console.log(checked.error.range.from);
