const express = require("express");

const app = express();
app.get("/", (request, response) => response.send(`node ${process.env.CF_INSTANCE_INDEX}\n`));
app.listen(process.env.PORT, () => console.log("node starts"));
