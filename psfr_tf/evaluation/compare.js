function show() {
  for (const side of ["left", "right"]) {
    const wanted = document.getElementById(side).value;
    for (const image of document.querySelectorAll(".stack img"))
      image.classList.toggle(side, image.dataset.version === wanted);
  }
}
for (const side of ["left", "right"]) document.getElementById(side).addEventListener("change", show);
for (const slider of document.querySelectorAll("input[type=range]"))
  slider.addEventListener("input", () =>
    slider.parentElement.querySelector(".stack").style.setProperty("--cut", slider.value + "%"));
show();
