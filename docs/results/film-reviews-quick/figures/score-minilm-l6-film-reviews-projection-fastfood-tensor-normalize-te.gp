# Made by idim report; edit it, then: gnuplot -e "format='pdf'" score-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.gp
if (!exists('format')) format = 'svg'
if (format eq 'svg') set terminal svg size 900,560 font 'Helvetica,14' noenhanced background 'white'
if (format eq 'png') set terminal pngcairo size 1800,1120 font 'Helvetica,26' linewidth 2 pointscale 2 noenhanced
if (format eq 'pdf') set terminal pdfcairo size 18cm,11.2cm font 'Helvetica,11' noenhanced
set encoding utf8
set datafile separator comma
set output 'score-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.'.format
data = 'score-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.csv'
pick(series, kind, c) = $1 == series && strcol(2) eq kind ? column(c) : NaN
set border 3
set tics nomirror out
set grid linecolor '#e4e4e4'
set key outside right center reverse Left
set title 'MiniLM-L6 on film-reviews, projection fastfood-tensor, normalize tensor, pull public, groups tensor'
set ylabel 'accuracy on dev, %'
set xlabel 'd, the numbers trained'
set logscale x
c0 = '#0b62c4'
plot data skip 1 using (pick(0,'fit',3)):(pick(0,'fit',5)):(pick(0,'fit',6)) with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'fit',3)):(pick(0,'fit',4)) with lines linewidth 2 linecolor rgb c0 title 'said', \
  data skip 1 using (pick(0,'linearised',3)):(pick(0,'linearised',4)) with lines dashtype 3 linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'run',3)):(pick(0,'run',4)) with points pointtype 6 pointsize 0.5 linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'other rate',3)):(pick(0,'other rate',4)) with points pointtype 1 pointsize 0.4 linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'mean',3)):(pick(0,'mean',4)):(pick(0,'mean',5)):(pick(0,'mean',6)) with yerrorbars pointtype 7 pointsize 0.8 linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'d90',3)):(pick(0,'d90',4)):(pick(0,'d90',5)):(pick(0,'d90',6)) with xerrorbars pointtype 9 pointsize 1.2 linewidth 2 linecolor rgb c0 notitle, \
  data skip 1 using (pick(0,'corrected',3)):(pick(0,'corrected',4)):(pick(0,'corrected',5)):(pick(0,'corrected',6)) with xerrorbars pointtype 8 pointsize 1.2 linecolor rgb c0 notitle, \
  74.89343563512362 with lines linecolor '#444444' linewidth 1.5 title 'full fine-tuning 74.9 %', \
  67.40409207161126 with lines linecolor '#444444' linewidth 1.5 dashtype 2 title 'target 67.4 %', \
  72.4083546462063 with lines linecolor '#444444' dashtype 3 title 'corrected target 72.4 %', \
  62.063086104006814 with lines linecolor '#444444' dashtype '-' title 'classifier alone 62.1 %', \
  50.04262574595055 with lines linecolor '#444444' linewidth 0.7 title 'majority class 50.0 %'
