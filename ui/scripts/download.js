// A file that the server has made: the browser saves it as soon as its link is here.
watch("value", () => { element.querySelector("a[download]")?.click(); });
