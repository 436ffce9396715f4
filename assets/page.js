// What Gradio leaves unsaid to those who listen instead of look: which field a button belongs to,
// what a thumbnail shows, and that the line #said is to be read out whenever it changes; and what
// kind of file a phone's picture is.
() => {
  document.documentElement.lang = "en";
  const said = document.querySelector("#said");
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");

  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const name = () => {
    for (const field of document.querySelectorAll(".block:has(> [data-testid='block-label'])")) {
      const label = field.querySelector("[data-testid='block-label']").innerText.trim();
      for (const button of field.querySelectorAll("button[aria-label]")) {
        button.dataset.own ??= button.getAttribute("aria-label");
        const shown = button.innerText.replace(/\s+/g, " ").trim();
        set(button, "aria-label", `${label}: ${shown || button.dataset.own}`);
      }
    }
    for (const empty of document.querySelectorAll("div.empty[aria-label]")) set(empty, "role", "img");
    for (const thumbnail of document.querySelectorAll("#strip .thumbnail-item")) {
      set(thumbnail, "aria-label", thumbnail.innerText.trim());
      set(thumbnail.querySelector("img"), "alt", "");
    }
  };
  // the divider stands where the slider does, also where Gradio changed the pictures under both
  const divide = () => {
    for (const input of document.querySelectorAll(".slider input")) {
      const at = `${input.value}%`, slider = input.parentNode.style;
      if (slider.getPropertyValue("--at") !== at) slider.setProperty("--at", at);
    }
  };
  // Gradio refuses a file whose kind the browser does not know, as most do not know HEIC
  const known = file => !file.type && /\.(heic|heif|hif)$/i.test(file.name)
    ? new File([file], file.name, { type: "image/heic" }) : file;
  const allKnown = files => {
    const list = new DataTransfer();
    for (const file of files) list.items.add(known(file));
    return list.files;
  };
  const unknown = files => [...files ?? []].some(file => known(file) !== file);
  document.addEventListener("change", event => {
    if (unknown(event.target.files)) event.target.files = allKnown(event.target.files);
  }, true);
  document.addEventListener("drop", event => {
    const input = event.target.closest(".block")?.querySelector("input[type=file]");
    if (!input || !unknown(event.dataTransfer?.files)) return;
    event.preventDefault();
    event.stopPropagation();
    input.files = allKnown(event.dataTransfer.files);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
  const watch = { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] };
  new MutationObserver(() => { name(); divide(); }).observe(document.body, watch);
  name();
}
